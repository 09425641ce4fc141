"""Loads base and adapter before anybody asks for a clip, and knows how far that is."""

from __future__ import annotations

from collections.abc import Callable

from api.errors import NotReady, NotServable
from api.generator.choice import choose
from api.generator.engine import Engine, Recipe
from api.generator.slots import Adapter
from api.kept_presets import ServedPresets
from api.problems import problem_of
from api.service_log import service_log
from api.settings import ApiSettings
from slora_assets.documents import DEFAULT_SPEED

_LOG = service_log()


def load_first(settings: ApiSettings, presets: Callable[[], ServedPresets], engine: Engine) -> None:
    """Load the base and the first scenario's adapter that may be served. Raises NotServable where
    none may."""
    known, why = presets(), "No scenario is known."
    for name in sorted(known.presets):
        try:
            choice = choose(settings, known, name)
        except NotServable as error:
            why = error.detail
            continue
        speed = known.speed[DEFAULT_SPEED]
        scale, most = known.presets[name].scale, known.limits.max_steps
        adapter = Adapter(choice.folder, choice.record, scale)
        recipe = Recipe(adapter, "", known.seed, speed, most)
        engine.load(known.base_model, recipe)
        return
    raise NotServable(f"No adapter may be served, so none is loaded. {why}")


class Warmth:
    """Called by the thread that makes clips whenever it has nothing to do; once it has loaded,
    calls do nothing, whatever becomes of the weights."""

    def __init__(self, load: Callable[[], None]) -> None:
        self._load = load
        self._warm = False
        self._why_not = "Base and adapter are being loaded."

    def __call__(self) -> None:
        """Load, unless that is done; what goes wrong is tried again the next time."""
        if self._warm:
            return
        try:
            self._load()
        except Exception as error:
            why_not = problem_of(error).detail
            if why_not != self._why_not:  # tried every few seconds, told once
                _LOG.error("the service can't get warm: %s", error)
            self._why_not = why_not
        else:
            self._warm = True

    def refuse_cold(self) -> None:
        """Raise NotReady until everything was loaded once."""
        if not self._warm:
            raise NotReady(self._why_not)

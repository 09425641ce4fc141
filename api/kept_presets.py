"""The presets as they stand on disk, read again when the file changes; while it can't be read, the
last copy that could.

A scenario whose values are wrong is left out and said why; the others go on. What a kept copy says
is served only as far as the change log and the list of takedowns still let it through: those are
read each time, and know no copy.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from pydantic import ConfigDict

from api.service_log import service_log
from slora_assets.config.errors import SloraError
from slora_assets.config.yaml_tree import read_tree
from slora_assets.deployment.presets import read_presets
from slora_assets.documents import Presets
from slora_assets.provenance import file_stamp

_LOG = service_log()


class ServedPresets(Presets):
    """The presets that are served by now."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    faults: dict[str, SloraError] = {}
    """Scenarios that are left out, and what is wrong with them."""
    fault: SloraError | None = None
    """Why these aren't the presets of the file, where they aren't."""

    @property
    def scenarios(self) -> list[str]:
        """All that the file knows, by name."""
        return sorted({*self.presets, *self.faults})


class KeptPresets:
    """One file's presets. May be asked from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._last: ServedPresets | None = None

    def now(self) -> ServedPresets:
        """Raises ConfigError, MissingInputError, UnreadableError when there is no copy to keep."""
        with self._lock:
            stamp = file_stamp(self._path)
            if self._last is None or stamp != self._stamp:
                self._last = self._read(self._last)
                self._stamp = stamp
            return self._last

    def _read(self, last: ServedPresets | None) -> ServedPresets:
        try:
            presets, faults = _parted(self._path)
        except SloraError as error:
            if last is None:
                raise
            _LOG.error("the presets can't be read, the last good ones are kept: %s", error)
            return last.model_copy(update={"fault": error})
        for name, fault in faults.items():
            _LOG.error("%s is not served: %s", name, fault)
        return ServedPresets(**dict(presets), faults=faults)


def _parted(path: Path) -> tuple[Presets, dict[str, SloraError]]:
    """What of the file is right, and what is wrong with the scenarios that aren't."""
    faults: dict[str, SloraError] = {}
    while True:
        try:
            return read_presets(path, without=faults), faults
        except SloraError as error:
            name = _scenario_of(path, error)
            if name is None or name in faults:
                raise
            faults[name] = error


def _scenario_of(path: Path, error: SloraError) -> str | None:
    """The scenario whose preset an error is about."""
    if error.key is None or not error.key.startswith("presets."):
        return None
    presets = read_tree(path).get("presets")
    names = [str(name) for name in presets] if isinstance(presets, Mapping) else []
    return next((n for n in names if f"{error.key}.".startswith(f"presets.{n}.")), None)

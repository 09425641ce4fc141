"""Gives back the memory of a loaded base that nobody has wanted a clip of for a while."""

from __future__ import annotations

import time

from api.generator.engine import Engine
from api.generator.memory import release
from api.service_log import service_log

_LOG = service_log()


class Idleness:
    """Called by the thread that makes clips whenever it has nothing to do; the next clip loads what
    it needs, as the first did. `after_s` 0: never gives anything back."""

    def __init__(self, engine: Engine, after_s: float) -> None:
        self._engine, self._after_s = engine, after_s

    def __call__(self) -> None:
        """Drop the pipeline, if it has been of no use for long enough."""
        idle_s = time.monotonic() - self._engine.used_at
        if self._after_s > 0 and self._engine.loaded and idle_s >= self._after_s:
            self._engine.drop()
            release()
            _LOG.info("for %.0f s nobody wanted a clip: the base's memory is given back", idle_s)

"""The accelerator, which the service shares with the trainings of its workspace: one at a time, and
whoever waits says for whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from api.errors import AcceleratorBusy
from api.generator.engine import Engine
from api.generator.memory import release
from api.problems import public
from slora_assets.config.errors import TrainingError
from slora_assets.processes.accelerator_lock import accelerator_lock

_GIVES_BACK_AFTER_S: Final = 5.0
"""Who holds it for so long is no other clip but a training, and may want the memory that the loaded
base takes."""


class Accelerator:
    """One workspace's, as one engine uses it; without a `lock` it is this process's alone."""

    def __init__(self, lock: Path | None, engine: Engine, patience_s: float) -> None:
        self._lock, self._engine, self._patience_s = lock, engine, patience_s
        self.waiting_for: str | None = None
        """Who has it, while somebody waits for it here."""

    @contextmanager
    def held(self, look: Callable[[], None]) -> Iterator[None]:
        """Have it; `look` is called while it is waited for, and raises what ends the waiting.
        Raises AcceleratorBusy after `patience_s`."""
        if self._lock is None:
            yield
            return
        with ExitStack() as stack:
            try:
                waiting = _Waiting(self._engine, look)
                lock = accelerator_lock(self._lock, waiting, self._waits, self._patience_s)
                stack.enter_context(lock)
            except TrainingError as error:
                raise AcceleratorBusy(public(error)) from error
            finally:
                self.waiting_for = None
            yield

    def _waits(self, for_whom: str) -> None:
        self.waiting_for = for_whom


class _Waiting:
    """As the lock's `Stop`: waits, and never asks to stop but by an exception."""

    def __init__(self, engine: Engine, look: Callable[[], None]) -> None:
        self._engine, self._look, self._began = engine, look, time.monotonic()

    def wait(self, timeout: float) -> bool:
        time.sleep(timeout)
        self._look()
        if self._engine.loaded and time.monotonic() - self._began > _GIVES_BACK_AFTER_S:
            self._engine.drop()
            release()
        return False

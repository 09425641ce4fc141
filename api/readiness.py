"""Could the service make a clip now? Each part is really tried, and says in words what it lacks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from api.errors import ApiError, NotReady
from api.problems import problem_of
from api.service import Service
from api.service_log import service_log
from slora_assets.config.errors import SloraError

_LOG = service_log()
_LEAST_FREE_BYTES: Final = 100_000_000
LOADED: Final = "loaded"
"""What the weights say of themselves when they are in memory."""


@dataclass
class Readiness:
    """What each part says of itself."""

    well: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    """Part -> why nothing can be made, and the remedy; no path of the machine."""


def readiness_of(service: Service) -> Readiness:
    """Try every part of the service."""
    found = Readiness()
    for name, tried in _PARTS.items():
        try:
            found.well[name] = tried(service)
        except Exception as error:
            if not isinstance(error, ApiError):
                known = isinstance(error, SloraError)
                _LOG.error("not ready: %s: %s", name, error, exc_info=None if known else error)
            found.wrong[name] = problem_of(error).detail
    return found


def _worker(service: Service) -> str:
    return service.runner.said()


def _presets(service: Service) -> str:
    presets = service.presets()
    kept = ", as they last could be read" if presets.fault else ""
    return f"{len(presets.presets)} scenarios{kept}"


def _base(service: Service) -> str:
    identity = service.engine.base(service.presets().base_model).identity()
    return f"{identity.name} {identity.revision}"


def _database(service: Service) -> str:
    if not service.runner.running:
        return "closed"
    try:
        service.jobs.seen()
    except Exception as error:
        _LOG.error("the jobs' database can't be written", exc_info=error)
        raise NotReady("The database of the jobs can't be written.") from error
    return "can be written"


def _artifacts(service: Service) -> str:
    try:
        service.store.try_writing()
    except OSError as error:
        raise NotReady(
            f"Clips can't be written ({error.strerror}). Remedy: see that outputs/artifacts in the"
            " workspace is a folder that the service may write."
        ) from error
    return "can be written"


def _disk(service: Service) -> str:
    free = shutil.disk_usage(service.settings.workspace.root).free
    if free < _LEAST_FREE_BYTES:
        raise NotReady(f"{free / 1e6:.0f} MB of the disk are left. Remedy: free some space.")
    return f"{free / 1e9:.1f} GB free"


def _warmth(service: Service) -> str:
    if service.warmth is not None:
        service.warmth.refuse_cold()
    if service.settings.on_cluster:
        return "each generator's own"
    return LOADED if service.engine.loaded else "loads with the next clip"


_PARTS: Final[dict[str, Callable[[Service], str]]] = {
    "presets": _presets,
    "base": _base,
    "weights": _warmth,
    "worker": _worker,
    "database": _database,
    "artifacts": _artifacts,
    "disk": _disk,
}

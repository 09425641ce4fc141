"""How the service runs: which workspace, which adapters, where it listens."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from api.exposure import Exposure
from slora_assets.config.environment import (
    ACCELERATOR_WAIT,
    IDLE,
    JOBS,
    PREVIEW,
    WARM,
    seconds,
    switch,
)
from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace

DEFAULT_PORT = 8017
_ACCELERATOR_WAIT_S = 600.0
_IDLE_S = 900.0


@dataclass(frozen=True)
class ApiSettings:
    """One service. Presets and adapters are read anew for each request, so that a promotion shows
    without a restart."""

    workspace: Workspace
    preview: bool = False
    """Serve a scenario without promoted adapter with its run's candidate, labelled as such, unless
    the verdict on it is fail."""
    device: str | None = None
    """`cpu`, `cuda`, ...; None takes an accelerator where there is one."""
    exposure: Exposure = field(default_factory=Exposure)
    """Where it listens, and to whom."""
    warm: bool = False
    """Load base and an adapter at the start, and not be ready before."""
    database: str | None = None
    """SQLAlchemy's URL of the database that jobs are kept in; None: a file in the workspace."""
    accelerator_wait_s: float = _ACCELERATOR_WAIT_S
    """How long a clip waits for whoever else uses the accelerator, before its job fails."""
    idle_s: float = _IDLE_S
    """How long nobody asks for a clip before the loaded base gives its memory back; 0: it never
    does."""

    on_cluster: bool = False
    """One of several processes that serve together: jobs of all stand in one queue, and
    accelerators are the cluster's to give, not the workspace's lock's."""

    @property
    def jobs_url(self) -> str:
        """The database's URL."""
        if self.database is not None:
            return self.database
        self.workspace.jobs.parent.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{self.workspace.jobs}"

    @classmethod
    def from_environment(cls) -> ApiSettings:
        """SLORA_PREVIEW, SLORA_WARM, SLORA_JOBS_URL, SLORA_ACCELERATOR_WAIT_S, SLORA_IDLE_S; the
        workspace's own variables are `Workspace`'s. Who wants it warm wants it to stay so, unless
        the last says otherwise. Raises ConfigError for what can't be meant."""
        warm = switch(WARM)
        return cls(
            Workspace.from_environment(),
            preview=switch(PREVIEW),
            exposure=Exposure.from_environment(),
            warm=warm,
            database=os.environ.get(JOBS) or None,
            accelerator_wait_s=seconds(ACCELERATOR_WAIT, _ACCELERATOR_WAIT_S),
            idle_s=seconds(IDLE, 0.0 if warm else _IDLE_S),
        )


def port_from_environment(default: int = DEFAULT_PORT) -> int:
    """SLORA_PORT, or `default`."""
    value = os.environ.get("SLORA_PORT") or str(default)
    if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= 65535):
        raise ConfigError(
            "the environment variable SLORA_PORT is no port", found=value, expected="1 to 65535"
        )
    return int(value)

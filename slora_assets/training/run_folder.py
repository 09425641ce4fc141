"""Where the parts of a run lie, while it works and when it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slora_assets.documents import RUN_CONFIG


@dataclass(frozen=True)
class RunFolder:
    """A run works in `partial`, which is renamed to `final` when it is complete."""

    final: Path

    @property
    def partial(self) -> Path:
        """The working folder."""
        return self.final.with_name(f".{self.final.name}.partial")

    @property
    def state(self) -> Path:
        """Checkpoints to go on from."""
        return self.partial / "state"

    @property
    def begun_with(self) -> Path:
        """What the unfinished run was begun with."""
        return self.partial / "begun_with.json"

    @property
    def config(self) -> Path:
        """The recipe, resolved."""
        return self.partial / RUN_CONFIG

    @property
    def step_log(self) -> Path:
        """Loss, gradient norm and learning rate of the steps that were due for logging."""
        return self.partial / "training_log.jsonl"

    @property
    def curves(self) -> Path:
        """Both losses as a picture."""
        return self.partial / "curves.png"

    def adapter(self, epoch: int) -> Path:
        """Folder of an epoch's adapter."""
        return self.partial / "adapters" / f"epoch_{epoch}"

    def samples(self, epoch: int) -> Path:
        """Folder of an epoch's sample clips."""
        return self.partial / f"sample_epoch_{epoch}"

"""Curves in TensorBoard, Weights & Biases or MLflow, through accelerate's trackers.

They watch a run and are no part of it: their files carry clock times and lie outside its folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from slora_assets.config.errors import MissingInputError
from slora_assets.training.accelerator import TrainingAccelerator
from slora_assets.training.resume import flattened

KNOWN: Final = ("tensorboard", "wandb", "mlflow")
_PACKAGES: Final = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


def check_installed(names: Sequence[str]) -> None:
    """Raise MissingInputError for a tracker whose library is absent: accelerate would go on
    without it in silence."""
    from importlib.util import find_spec

    for name in names:
        if find_spec(_PACKAGES[name]) is None:
            raise MissingInputError(
                f"the tracker's library {_PACKAGES[name]} is not installed",
                key="--tracker",
                found=name,
                remedy=f"pip install {_PACKAGES[name]}",
            )


class Tracker:
    """The trackers of one run; without any its calls do nothing."""

    def __init__(self, accelerator: TrainingAccelerator, names: Sequence[str]) -> None:
        self._accelerator, self._names = accelerator, tuple(names)

    def begin(self, run: str, settings: dict[str, Any], folder: Path) -> None:
        """Open them. `settings` are nested plain values; TensorBoard and, unless WANDB_DIR says
        otherwise, W&B write into `folder`, MLflow where MLFLOW_TRACKING_URI says."""
        if not self._names:
            return
        more: dict[str, dict[str, Any]] = {}
        if "wandb" in self._names and "WANDB_DIR" not in os.environ:
            folder.mkdir(parents=True, exist_ok=True)
            more["wandb"] = {"dir": str(folder)}
        self._accelerator.init_trackers(run, config=_scalars(settings), init_kwargs=more)

    def log(self, values: Mapping[str, object], step: int) -> None:
        """Send the numbers among `values`; others, and None, are left out."""
        numbers = {
            name: value
            for name, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        self._accelerator.log(numbers, step=step)


def folder_of(workspace_outputs: Path) -> Path:
    """Where trackers write: `tensorboard --logdir` takes it."""
    return workspace_outputs / "tracking"


def _scalars(tree: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys; what is no scalar as text, which every tracker takes."""
    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in flattened(tree).items()
    }

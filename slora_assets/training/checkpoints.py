"""Resume state: adapter and optimizer tensors as safetensors, the rest as JSON, two kept.

A checkpoint is written to a temporary folder and renamed; its JSON names the tensors' hash, so a
torn or damaged one is seen and the one before it is used.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slora_assets.config.errors import SloraError
from slora_assets.provenance.files import commit_folder, read_json, write_json
from slora_assets.provenance.hashing import sha256_file

if TYPE_CHECKING:
    import torch

_KEEP = 2
_TENSORS = "state.safetensors"


@dataclass(frozen=True)
class Progress:
    """Where a run stands. `step` counts optimizer steps over the run, `epoch` from 1."""

    epoch: int = 1
    step_in_epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    """Of the running epoch, for its mean."""
    validated: bool = False
    """Is the running epoch validated already (only its end can be)?"""


def save_checkpoint(
    folder: Path,
    run_hash: str,
    progress: Progress,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    scaler: dict[str, Any] | None,
) -> None:
    """Write `step_<n>/` below `folder`, then drop all but the two newest."""
    from safetensors.torch import save_file

    from slora_assets.base_models.weights import canonical_safetensors

    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in parameters.items():
        tensors[f"parameter.{name}"] = parameter.detach().cpu().contiguous()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value.detach().cpu().contiguous()
    final = folder / f"step_{progress.step:08d}_{int(progress.validated)}"
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(tensors, partial / _TENSORS)
    canonical_safetensors(partial / _TENSORS)
    record = {
        "schema_version": 1,
        "run_hash": run_hash,
        "progress": asdict(progress),
        "scaler": scaler,
        "sha256": sha256_file(partial / _TENSORS),
    }
    write_json(partial / "state.json", record)
    commit_folder(partial, final)
    for old in _newest_first(folder)[_KEEP:]:
        shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(
    folder: Path,
    run_hash: str,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> tuple[Progress, dict[str, Any] | None] | None:
    """Restore the newest whole checkpoint of this run; None when there is none.

    Returns the progress and the gradient scaler's state.
    """
    import torch
    from safetensors.torch import load_file

    for candidate in _newest_first(folder):
        record = _whole(candidate, run_hash)
        if record is None:
            continue
        tensors = load_file(candidate / _TENSORS)
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(tensors[f"parameter.{name}"])
                state = {
                    key.split(".", 2)[1]: value
                    for key, value in tensors.items()
                    if key.startswith("optimizer.") and key.split(".", 2)[2] == name
                }
                if state:
                    # AdamW keeps its step count on the CPU, the moments beside the parameter.
                    optimizer.state[parameter] = {
                        key: value if key == "step" else value.to(parameter.device)
                        for key, value in state.items()
                    }
        return Progress(**record["progress"]), record["scaler"]
    return None


def _newest_first(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("step_*") if not path.name.endswith(".partial")]
    return sorted(found, reverse=True)


def _whole(folder: Path, run_hash: str) -> dict[str, Any] | None:
    """The checkpoint's record if it is of this run and its tensors are the recorded ones."""
    try:
        record = read_json(folder / "state.json", remedy="")
        assert isinstance(record, dict)
        whole = record["run_hash"] == run_hash and record["sha256"] == sha256_file(
            folder / _TENSORS
        )
    except (SloraError, OSError, KeyError):
        return None
    return dict(record) if whole else None

"""Resume state: adapter and optimizer tensors as safetensors, the rest as JSON, two kept.

A checkpoint is written to a temporary folder and renamed; its JSON names the tensors' hash, so a
torn or damaged one is seen and the one before it is used. Where none is whole nothing begins again
in silence: a person decides.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slora_assets.config.errors import IntegrityError, SloraError, TrainingError
from slora_assets.provenance import commit_folder, read_json, sha256_file, write_json, writing

if TYPE_CHECKING:
    import torch

_KEEP = 2
_TENSORS = "state.safetensors"


@dataclass(frozen=True)
class RunPosition:
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
    progress: RunPosition,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    scaler: dict[str, Any] | None,
) -> None:
    """Write `step_<n>/` below `folder`, then drop all but the two newest."""
    import torch
    from safetensors.torch import save_file

    from slora_assets.base_models.weights import canonical_safetensors

    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in parameters.items():
        tensors[f"parameter.{name}"] = parameter.detach().cpu().contiguous()
        for key, value in optimizer.state.get(parameter, {}).items():
            # bitsandbytes counts its steps in a plain number.
            tensor = value if isinstance(value, torch.Tensor) else torch.tensor(value)
            # Its parameters share one quantization map, which safetensors refuses to store twice.
            copy = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            tensors[f"optimizer.{key}.{name}"] = copy
    final = folder / f"step_{progress.step:08d}_{int(progress.validated)}"
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with writing(final):
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
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # half of it would keep a full disk full
    for old in _newest_first(folder)[_KEEP:]:
        shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Restored:
    """A checkpoint that a run goes on from."""

    position: RunPosition
    scaler: dict[str, Any] | None
    """State of the gradient scaler."""
    passed_over: tuple[str, ...]
    """Newer checkpoints that can't be used, each with why."""


def load_checkpoint(
    folder: Path,
    run_hashes: Collection[str],
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> Restored | None:
    """Restore the newest whole checkpoint of a run with one of `run_hashes`; None where there is no
    checkpoint at all.

    Raises TrainingError when its tensors are of another shape than the run's, IntegrityError when
    there are checkpoints and none can be used.
    """
    import torch
    from safetensors.torch import load_file

    passed_over: list[str] = []
    for candidate in _newest_first(folder):
        record = _whole(candidate, run_hashes)
        if isinstance(record, str):
            passed_over.append(f"{candidate.name}: {record}")
            continue
        tensors = load_file(candidate / _TENSORS)
        _check_shapes(candidate, tensors, parameters)
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(tensors[f"parameter.{name}"])
                state = {
                    key.split(".", 2)[1]: value
                    for key, value in tensors.items()
                    if key.startswith("optimizer.") and key.split(".", 2)[2] == name
                }
                if state:
                    optimizer.state[parameter] = _placed(state, parameter, optimizer)
        return Restored(record.position, record.scaler, tuple(passed_over))
    if passed_over:
        raise no_checkpoint(folder, "; ".join(passed_over))
    return None


def no_checkpoint(folder: Path, found: str) -> IntegrityError:
    """The error of a run that has begun and of which no checkpoint can be used."""
    return IntegrityError(
        "an unfinished run has no whole checkpoint to go on from",
        file=folder,
        found=found,
        expected="state.json and the state.safetensors that it names, in one folder at least",
        remedy="restore one from a backup, or add --restart to begin again (RESTART=1 with `make`)",
    )


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint below `folder`, whole or not; 0 without one."""
    newest = next(iter(_newest_first(folder)), None)
    return int(newest.name.split("_")[1]) if newest else 0


def _placed(
    state: dict[str, torch.Tensor],
    parameter: torch.nn.Parameter,
    optimizer: torch.optim.Optimizer,
) -> dict[str, Any]:
    """An optimizer's state of a parameter, each part where and as the optimizer keeps it."""
    placed: dict[str, Any] = {k: v.to(parameter.device) for k, v in state.items()}
    if not optimizer.defaults.get("fused"):
        placed["step"] = int(state["step"])
    return placed


def _check_shapes(
    folder: Path, tensors: dict[str, torch.Tensor], parameters: dict[str, torch.nn.Parameter]
) -> None:
    for name, parameter in parameters.items():
        found = tensors.get(f"parameter.{name}")
        if found is None or found.shape != parameter.shape:
            raise TrainingError(
                "the checkpoint is of an adapter of another shape",
                file=folder / _TENSORS,
                key=name,
                found=None if found is None else tuple(found.shape),
                expected=str(tuple(parameter.shape)),
                remedy="restore lora.* and the base as they were, or begin again with --restart",
            )


def _newest_first(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("step_*") if not path.name.endswith(".partial")]
    return sorted(found, reverse=True)


@dataclass(frozen=True)
class _Record:
    position: RunPosition
    scaler: dict[str, Any] | None


def _whole(folder: Path, run_hashes: Collection[str]) -> _Record | str:
    """The checkpoint's record if it is of such a run and its tensors are the recorded ones, else
    what is wrong with it."""
    try:
        record = read_json(folder / "state.json", remedy="")
        if not isinstance(record, dict) or not isinstance(record["progress"], dict):
            return "state.json is not a checkpoint's"
        position, scaler = RunPosition(**record["progress"]), record["scaler"]
        if record["run_hash"] not in run_hashes:
            return "state.json is of another run"
        if record["sha256"] != sha256_file(folder / _TENSORS):
            return f"{_TENSORS} is not the one that was written"
    except FileNotFoundError:
        return f"{_TENSORS} is not there"
    except (SloraError, OSError, KeyError, TypeError) as error:
        what = error.what if isinstance(error, SloraError) else type(error).__name__
        return f"state.json can't be read ({what})"
    return _Record(position, scaler if isinstance(scaler, dict) else None)

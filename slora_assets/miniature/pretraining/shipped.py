"""Finished stages as shipped: a later stage can be trained again without the first ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load_file
from torch import Tensor

from slora_assets.config.errors import TrainingError
from slora_assets.miniature.pretraining.loop import averaged_weights, has_checkpoint, progress_of
from slora_assets.miniature.pretraining.origin import footage_hash, origin
from slora_assets.miniature.pretraining.settings import (
    DECODER_STAGES,
    TRANSFORMER_STAGES,
    PretrainSettings,
)
from slora_assets.miniature.weights import SHIPPED

_PART: Final = {"vae": "base", "clip": "scorer"} | dict.fromkeys(
    (*DECODER_STAGES, *TRANSFORMER_STAGES), "base"
)
_GONE_ON: Final = dict(pairwise(("vae", *DECODER_STAGES))) | dict(pairwise(TRANSFORMER_STAGES))


@dataclass(frozen=True)
class StageRecord:
    """What is known of a stage that has run, from its checkpoint or from beside shipped weights."""

    facts: dict[str, Any]
    """`steps`, `of`, `made_from`, `data_hash`, `trained_s`, `figures`."""
    log: str
    shipped: Path | None
    """The shipped part that holds its weights, or None for a checkpoint."""

    @property
    def made_from(self) -> str:
        return str(self.facts["made_from"])


def stage_record(settings: PretrainSettings, checkpoints: Path, stage: str) -> StageRecord | None:
    """The stage's checkpoint if it has one, else the shipped weights if these settings made them.

    None when the stage has not begun.
    """
    folder = checkpoints / stage
    if not has_checkpoint(folder):
        return _shipped(settings, stage)
    progress = progress_of(folder)
    file = folder / "log.jsonl"
    log = (
        file.read_text(encoding="utf-8") if file.is_file() else ""
    )  # stopped before its first line
    facts = {
        "steps": progress.step,
        "of": getattr(settings, stage).loop.steps,
        "made_from": progress.made_from,
        "data_hash": footage_hash(settings, stage),
        "trained_s": round(progress.trained_s),
        "figures": _last_figures(log),
    }
    return StageRecord(facts, log, None)


def finished(settings: PretrainSettings, checkpoints: Path, stage: str) -> StageRecord:
    """A stage that others stand on. Raises TrainingError unless these settings made it to its end.

    A checkpoint in the middle of its training is none to stand on.
    """
    record = stage_record(settings, checkpoints, stage)
    if record is None or record.facts["steps"] < record.facts["of"]:
        raise TrainingError(
            f"there is no finished {stage} of these settings, neither in checkpoints nor shipped",
            file=checkpoints / stage,
            remedy=f"run stage {stage} first",
        )
    if record.made_from != origin(settings, stage):
        raise TrainingError(
            f"the {stage} was made with other settings",
            file=checkpoints / stage,
            found=record.made_from[:12],
            expected=origin(settings, stage)[:12],
            remedy=f"restore what it was made with, or remove it and run stage {stage} again",
        )
    return record


def transformer_weights(
    settings: PretrainSettings, checkpoints: Path, stage: str
) -> dict[str, Tensor]:
    """Weights of text encoder and transformer after a finished stage, rounded as they are shipped.

    Rounded from a checkpoint too, so that a stage that goes on does not depend on where it found
    them. Raises TrainingError when there are none.
    """
    finished(settings, checkpoints, stage)
    return {
        name: tensor.half().float()
        for name, tensor in latest_weights(settings, checkpoints, stage).items()
    }


def latest_weights(settings: PretrainSettings, checkpoints: Path, stage: str) -> dict[str, Tensor]:
    """Averaged weights of text encoder and transformer as the stage has them now.

    Raises TrainingError where the stage has none, or where what is shipped went on from it.
    """
    record = stage_record(settings, checkpoints, stage)
    if record is None:
        raise TrainingError("the stage has no checkpoint yet", file=checkpoints / stage)
    if record.shipped is None:
        return averaged_weights(checkpoints / stage)
    if has_gone_on(stage):
        raise _gone_on(stage, record.shipped)
    files = {
        "text_encoder": "text_encoder/model.safetensors",
        "transformer": "transformer/diffusion_pytorch_model.safetensors",
    }
    return {
        f"{part}.{name}": tensor
        for part, file in files.items()
        for name, tensor in load_file(record.shipped / file).items()
    }


def decoder_weights(
    settings: PretrainSettings, checkpoints: Path, stage: str
) -> dict[str, Tensor] | None:
    """The decoder as one of DECODER_STAGES has it now, by parameter name; None when that has not
    begun. Raises TrainingError where what is shipped went on from it."""
    record = stage_record(settings, checkpoints, stage)
    if record is None:
        return None
    if record.shipped is None:
        weights = averaged_weights(checkpoints / stage)
    elif has_gone_on(stage):
        raise _gone_on(stage, record.shipped)
    else:
        weights = load_file(record.shipped / "vae" / "diffusion_pytorch_model.safetensors")
    return {name: tensor for name, tensor in weights.items() if name.startswith("decoder.")}


def finished_decoder(
    settings: PretrainSettings, checkpoints: Path, stage: str
) -> dict[str, Tensor]:
    """The decoder after a finished stage, rounded as it would be shipped.

    Raises TrainingError when there is none.
    """
    finished(settings, checkpoints, stage)
    weights = decoder_weights(settings, checkpoints, stage) or {}
    return {name: tensor.half().float() for name, tensor in weights.items()}


def has_gone_on(stage: str) -> bool:
    """Whether the shipped weights are those of a stage after `stage`."""
    return _GONE_ON.get(stage) in _shipped_stages(SHIPPED / _PART[stage])


def _gone_on(stage: str, part: Path) -> TrainingError:
    return TrainingError(
        f"what is shipped went on from stage {stage}, whose own weights are not kept",
        file=part,
        remedy=f"run stage {stage} first",
    )


def _shipped(settings: PretrainSettings, stage: str) -> StageRecord | None:
    part = SHIPPED / _PART[stage]
    if not (part / "pretraining.json").is_file():
        return None
    facts = _shipped_stages(part).get(stage)
    if facts is None or facts["made_from"] != origin(settings, stage):
        return None
    log = (part / "pretraining" / f"{stage}.jsonl").read_text(encoding="utf-8")
    return StageRecord(facts, log, part)


def _shipped_stages(part: Path) -> dict[str, Any]:
    """Facts by stage of a shipped part."""
    manifest = json.loads((part / "pretraining.json").read_text(encoding="utf-8"))
    return dict(manifest["stages"])


def _last_figures(log: str) -> dict[str, Any]:
    """The last evaluation in a stage's log."""
    rows = [json.loads(line) for line in log.splitlines()]
    evaluations = [row for row in rows if "trained_s" in row]
    return dict(evaluations[-1]) if evaluations else {}

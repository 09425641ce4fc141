"""Finished stages as shipped: a later stage can be trained again without the first ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slora_assets.config.errors import TrainingError
from slora_assets.miniature.pretrain_loop import has_checkpoint, progress_of
from slora_assets.miniature.pretrain_origin import footage_hash, origin
from slora_assets.miniature.pretrain_settings import PretrainSettings

SHIPPED: Final = Path(__file__).with_name("weights")
_PART: Final = {"vae": "base", "transformer": "base", "clip": "scorer"}


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
    log = (folder / "log.jsonl").read_text(encoding="utf-8")
    facts = {
        "steps": progress.step,
        "of": getattr(settings, stage).loop.steps,
        "made_from": progress.made_from,
        "data_hash": footage_hash(settings, stage),
        "trained_s": round(progress.trained_s),
        "figures": _last_figures(log),
    }
    return StageRecord(facts, log, None)


def finished_vae(settings: PretrainSettings, checkpoints: Path) -> StageRecord:
    """The VAE that later stages stand on. Raises TrainingError when there is none."""
    record = stage_record(settings, checkpoints, "vae")
    if record is None:
        raise TrainingError(
            "there is no VAE of these settings, neither in checkpoints nor shipped",
            file=checkpoints / "vae", remedy="run stage vae first",
        )  # fmt: skip
    return record


def _shipped(settings: PretrainSettings, stage: str) -> StageRecord | None:
    part = SHIPPED / _PART[stage]
    if not (part / "pretraining.json").is_file():
        return None
    facts = json.loads((part / "pretraining.json").read_text(encoding="utf-8"))["stages"].get(stage)
    if facts is None or facts["steps"] < facts["of"]:
        return None
    if stage != "transformer" and facts["made_from"] != origin(settings, stage):
        return None
    log = (part / "pretraining" / f"{stage}.jsonl").read_text(encoding="utf-8")
    return StageRecord(facts, log, part)


def _last_figures(log: str) -> dict[str, Any]:
    """The last evaluation in a stage's log."""
    rows = [json.loads(line) for line in log.splitlines()]
    evaluations = [row for row in rows if "trained_s" in row]
    return dict(evaluations[-1]) if evaluations else {}

"""Pretraining stage `export`: turns the stages' averaged weights into the folders that are shipped.

Beside the weights it leaves `pretraining.json` (what they were made from) and the stages' logs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from slora_assets.miniature.pretraining.decoder import with_tuned_decoder
from slora_assets.miniature.pretraining.loop import averaged_weights, has_checkpoint
from slora_assets.miniature.pretraining.settings import (
    DECODER_STAGES,
    TRANSFORMER_STAGES,
    PretrainSettings,
)
from slora_assets.miniature.pretraining.shipped import (
    StageRecord,
    decoder_weights,
    finished,
    latest_weights,
    stage_record,
)
from slora_assets.miniature.pretraining.vae import trained_vae
from slora_assets.miniature.weights.build import CARD, new_base, new_scorer, save_base, save_scorer
from slora_assets.provenance import Json, object_hash, write_json, write_text


def export(settings: PretrainSettings, checkpoints: Path, target: Path) -> None:
    """Write `target/base` and, where its stage has a checkpoint, `target/scorer`.

    A part whose stages have not all run to their end says `"trained": false` on its card, so that
    its scores are labelled. Raises TrainingError without a VAE.
    """
    pipeline = new_base(settings.seed)
    vae = trained_vae(settings, checkpoints, torch.device("cpu"))
    with_tuned_decoder(vae, _last_decoder(settings, checkpoints))
    pipeline.vae.load_state_dict(vae.state_dict())
    pipeline.vae.register_to_config(scaling_factor=vae.config.scaling_factor)
    stages = {"vae": finished(settings, checkpoints, "vae")}
    for stage in (*DECODER_STAGES, *TRANSFORMER_STAGES):
        record = stage_record(settings, checkpoints, stage)
        if record is not None:
            stages[stage] = record
    latest = next((stage for stage in reversed(TRANSFORMER_STAGES) if stage in stages), None)
    if latest is not None:
        weights = latest_weights(settings, checkpoints, latest)
        for part in (pipeline.text_encoder, pipeline.transformer):
            prefix = "text_encoder." if part is pipeline.text_encoder else "transformer."
            part.load_state_dict(
                {n.removeprefix(prefix): t for n, t in weights.items() if n.startswith(prefix)},
                strict=part is pipeline.transformer,
            )
    made = _Made.of(settings, stages)
    trained = made.finished and latest == TRANSFORMER_STAGES[-1]
    save_base(pipeline, target / "base", revision=made.revision, trained=trained)
    made.document(target / "base")
    if has_checkpoint(checkpoints / "clip"):
        scorer = new_scorer(settings.seed)
        scorer.load_state_dict(averaged_weights(checkpoints / "clip"))
        made = _Made.of(settings, _records(settings, checkpoints, "clip"))
        save_scorer(scorer, target / "scorer", revision=made.revision, trained=made.finished)
        made.document(target / "scorer")


def _last_decoder(settings: PretrainSettings, checkpoints: Path) -> dict[str, Tensor] | None:
    """Of the stages that have begun."""
    for stage in reversed(DECODER_STAGES):
        weights = decoder_weights(settings, checkpoints, stage)
        if weights is not None:
            return weights
    return None


def _records(settings: PretrainSettings, checkpoints: Path, stage: str) -> dict[str, StageRecord]:
    record = stage_record(settings, checkpoints, stage)
    assert record is not None
    return {stage: record}


@dataclass(frozen=True)
class _Made:
    """What weights were made from; their own hashes stand in the card beside it."""

    manifest: dict[str, Json]
    stages: dict[str, StageRecord]

    @property
    def revision(self) -> str:
        return object_hash(self.manifest)[:12]

    @property
    def finished(self) -> bool:
        """Whether every stage has run to its end."""
        return all(record.facts["steps"] >= record.facts["of"] for record in self.stages.values())

    @classmethod
    def of(cls, settings: PretrainSettings, stages: dict[str, StageRecord]) -> _Made:
        config: Json = settings.model_dump(mode="json")
        manifest: dict[str, Json] = {
            "config": config,
            "config_hash": object_hash(config),
            "code_commit": _commit(Path(__file__).parent),
            "stages": {stage: record.facts for stage, record in stages.items()},
        }
        return cls(manifest, stages)

    def document(self, folder: Path) -> None:
        """Write the manifest and the stages' logs beside the weights."""
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        write_json(folder / "pretraining.json", {**self.manifest, "weights": card["weights"]})
        for stage, record in self.stages.items():
            write_text(folder / "pretraining" / f"{stage}.jsonl", record.log)


def _commit(folder: Path) -> str | None:
    """The git commit of the code, or None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    found = subprocess.run(
        [git, "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None

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

from slora_assets.miniature.build import CARD, new_base, new_scorer, save_base, save_scorer
from slora_assets.miniature.pretrain_loop import (
    averaged_weights,
    has_checkpoint,
    progress_of,
)
from slora_assets.miniature.pretrain_origin import footage_hash
from slora_assets.miniature.pretrain_settings import PretrainSettings
from slora_assets.miniature.pretrain_vae import trained_vae
from slora_assets.provenance.files import write_json, write_text
from slora_assets.provenance.hashing import Json, object_hash


def export(settings: PretrainSettings, checkpoints: Path, target: Path) -> None:
    """Write `target/base` and, where its stage has begun, `target/scorer`.

    A part whose stages have not all run to their end says `"trained": false` on its card, so that
    its scores are labelled. Raises TrainingError without a `vae` checkpoint.
    """
    pipeline = new_base(settings.seed)
    vae = trained_vae(settings, checkpoints / "vae", torch.device("cpu"))
    pipeline.vae.load_state_dict(vae.state_dict())
    pipeline.vae.register_to_config(scaling_factor=vae.config.scaling_factor)
    stages = ["vae"]
    if has_checkpoint(checkpoints / "transformer"):
        stages.append("transformer")
        weights = averaged_weights(checkpoints / "transformer")
        for part in (pipeline.text_encoder, pipeline.transformer):
            prefix = "text_encoder." if part is pipeline.text_encoder else "transformer."
            part.load_state_dict(
                {n.removeprefix(prefix): t for n, t in weights.items() if n.startswith(prefix)},
                strict=part is pipeline.transformer,
            )
    made = _Made.of(settings, checkpoints, stages)
    trained = made.finished and "transformer" in stages
    save_base(pipeline, target / "base", revision=made.revision, trained=trained)
    made.document(target / "base", checkpoints)
    if has_checkpoint(checkpoints / "clip"):
        scorer = new_scorer(settings.seed)
        scorer.load_state_dict(averaged_weights(checkpoints / "clip"))
        made = _Made.of(settings, checkpoints, ["clip"])
        save_scorer(scorer, target / "scorer", revision=made.revision, trained=made.finished)
        made.document(target / "scorer", checkpoints)


@dataclass(frozen=True)
class _Made:
    """What weights were made from; their own hashes stand in the card beside it."""

    manifest: dict[str, Json]
    stages: list[str]
    finished: bool

    @property
    def revision(self) -> str:
        return object_hash(self.manifest)[:12]

    @classmethod
    def of(cls, settings: PretrainSettings, checkpoints: Path, stages: list[str]) -> _Made:
        done: dict[str, Json] = {}
        finished = True
        for stage in stages:
            progress = progress_of(checkpoints / stage)
            of: int = getattr(settings, stage).loop.steps
            finished &= progress.step >= of
            done[stage] = {
                "steps": progress.step,
                "of": of,
                "made_from": progress.made_from,
                "data_hash": footage_hash(settings, stage),
                "trained_s": round(progress.trained_s),
                "figures": _last_figures(checkpoints / stage),
            }
        config: Json = settings.model_dump(mode="json")
        manifest: dict[str, Json] = {
            "config": config,
            "config_hash": object_hash(config),
            "code_commit": _commit(Path(__file__).parent),
            "stages": done,
        }
        return cls(manifest, stages, finished)

    def document(self, folder: Path, checkpoints: Path) -> None:
        """Write the manifest and the stages' logs beside the weights."""
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        write_json(folder / "pretraining.json", {**self.manifest, "weights": card["weights"]})
        for stage in self.stages:
            log = (checkpoints / stage / "log.jsonl").read_text(encoding="utf-8")
            write_text(folder / "pretraining" / f"{stage}.jsonl", log)


def _last_figures(folder: Path) -> dict[str, Json]:
    """The last evaluation in a stage's log."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    evaluations = [row for row in rows if "trained_s" in row]
    return dict(evaluations[-1]) if evaluations else {}


def _commit(folder: Path) -> str | None:
    """The git commit of the code, or None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    found = subprocess.run(
        [git, "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None

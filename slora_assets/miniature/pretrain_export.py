"""Pretraining stage `export`: turns the stages' averaged weights into the folders that are shipped.

Beside the weights it leaves `pretraining.json` (what they were made from) and the stages' logs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import torch

from slora_assets.miniature.build import CARD, new_base, new_scorer, save_base, save_scorer
from slora_assets.miniature.pretrain_loop import averaged_weights, progress_of
from slora_assets.miniature.pretrain_settings import PretrainSettings
from slora_assets.miniature.pretrain_vae import trained_vae
from slora_assets.provenance.files import write_json, write_text
from slora_assets.provenance.hashing import Json, object_hash, sha256_file

_FOOTAGE_CODE: Final = (
    "canvas", "captions", "figures", "generic_footage", "looks", "other_looks", "sample_footage",
    "sample_plan", "scenes", "surroundings", "vocabulary",
)  # fmt: skip


def export(settings: PretrainSettings, checkpoints: Path, target: Path) -> None:
    """Write `target/base` and, where its stage has begun, `target/scorer`."""
    pipeline = new_base(settings.seed)
    vae = trained_vae(settings, checkpoints / "vae", torch.device("cpu"))
    pipeline.vae.load_state_dict(vae.state_dict())
    pipeline.vae.register_to_config(scaling_factor=vae.config.scaling_factor)
    stages = ["vae"]
    if (checkpoints / "transformer").is_dir():
        stages.append("transformer")
        weights = averaged_weights(checkpoints / "transformer")
        for part in (pipeline.text_encoder, pipeline.transformer):
            prefix = "text_encoder." if part is pipeline.text_encoder else "transformer."
            part.load_state_dict(
                {n.removeprefix(prefix): t for n, t in weights.items() if n.startswith(prefix)},
                strict=part is pipeline.transformer,
            )
    manifest = _manifest(settings, checkpoints, stages)
    revision = object_hash(manifest)[:12]
    save_base(pipeline, target / "base", revision=revision, trained="transformer" in stages)
    _document(target / "base", manifest, checkpoints, stages)
    if (checkpoints / "clip").is_dir():
        scorer = new_scorer(settings.seed)
        scorer.load_state_dict(averaged_weights(checkpoints / "clip"))
        manifest = _manifest(settings, checkpoints, ["clip"])
        revision = object_hash(manifest)[:12]
        save_scorer(scorer, target / "scorer", revision=revision, trained=True)
        _document(target / "scorer", manifest, checkpoints, ["clip"])


def _manifest(settings: PretrainSettings, checkpoints: Path, stages: list[str]) -> dict[str, Json]:
    """What the weights were made from; their hashes stand in the card beside it."""
    here = Path(__file__).parent
    done: dict[str, Json] = {}
    for stage in stages:
        step, seconds = progress_of(checkpoints / stage)
        loop = getattr(settings, stage).loop
        done[stage] = {
            "steps": step,
            "of": loop.steps,
            "trained_s": round(seconds),
            "figures": _last_figures(checkpoints / stage),
        }
    config: Json = settings.model_dump(mode="json")
    return {
        "config": config,
        "config_hash": object_hash(config),
        "data_hash": object_hash({n: sha256_file(here / f"{n}.py") for n in _FOOTAGE_CODE}),
        "code_commit": _commit(here),
        "stages": done,
    }


def _document(
    folder: Path, manifest: dict[str, Json], checkpoints: Path, stages: list[str]
) -> None:
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    write_json(folder / "pretraining.json", {**manifest, "weights": card["weights"]})
    for stage in stages:
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

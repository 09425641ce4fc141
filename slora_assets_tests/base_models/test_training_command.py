"""The training command on bases of other families: the loop, the held-out loss and the export know
none of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slora_assets.base_models.diffusers_base import DiffusersBase
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.embeddings import cache_text
from slora_assets.caches.latents import cache_latents
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.provenance.records import read_run_record
from slora_assets.training.between_epochs.metrics_log import MetricsLog
from slora_assets_tests.base_models.small import LTX, WAN
from slora_assets_tests.training.commands import SCENARIO, train


def _preprocess(base: VideoBase, workspace: Workspace) -> None:
    clips = write_manifest(workspace, SCENARIO).usable()
    asked = prompts_of(read_validation_prompts(workspace.validation_prompts), SCENARIO, clips)
    texts = [p for c in clips for p in c.prompts] + [p.text for p in asked]
    cache_text(texts, base, workspace.text_embeddings, "cpu")
    cache_latents(clips, base, workspace.root, workspace.quarantine, "cpu")


@pytest.mark.parametrize("kind", [WAN, LTX])
def test_a_run_on_another_base_trains_measures_and_proves_its_adapter(
    workspace: Workspace, small_base: Callable[[str], VideoBase], kind: str
) -> None:
    base = small_base(kind)
    assert isinstance(base, DiffusersBase)
    _preprocess(base, workspace)
    runs = workspace.root / "runs"
    settings = {
        "base_model": base.folder,
        "epochs": 1,
        "repeats": 3,
        "optimizer.learning_rate": 0.01,
    }
    overrides = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    done = train(workspace, runs, *overrides)
    assert done.status == 0, done.said
    record = read_run_record(runs / SCENARIO)
    assert record.base["name"] == base.identity().name
    assert record.steps > 1
    assert record.parity.max_difference <= record.parity.tolerance
    assert record.parity.effect > 0
    before, after = MetricsLog(runs / SCENARIO / "validation_metrics.jsonl").lines()
    assert after["held_out_loss"] < before["held_out_loss"]
    assert len(list((runs / SCENARIO / "sample_epoch_1").glob("*.mp4"))) == 1

"""Each check says what it looked at, passes what is whole, and names what isn't."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.defs.code_location import build_definitions
from slora_assets.documents import ADAPTER_FILE, VERDICT_FILE, registered_path
from slora_assets_tests.defs.shown import SCENARIO, TOO_SHORT, Graph

BLOCKING = {
    "splits_do_not_leak",
    "latents_are_whole",
    "scenario_export_is_proven",
    "unified_export_is_proven",
}
"""What fails these must not be trained on or judged."""


def _said(
    checks: Iterable[dg.AssetCheckEvaluation],
) -> dict[str, tuple[bool, dict[str, Any]]]:
    """What each check shows a person: whether it passed, and its metadata."""
    return {
        check.check_name: (
            check.passed,
            {name: value.value for name, value in check.metadata.items()},
        )
        for check in checks
    }


def test_on_a_whole_graph_every_check_passes_but_the_gate_that_wants_more_prompts(
    graph: Graph,
) -> None:
    checks = graph.second.checks
    with np.load(next((graph.workspace.latents / SCENARIO).glob("*.npz"))) as archive:
        shape = str(archive["moments"].shape)
    samples = graph.workspace.validation(SCENARIO) / "samples" / "adapter"
    assert _said(checks.values()) == {
        "splits_do_not_leak": (True, {"on two sides": "", "official test": ""}),
        "frames_are_whole": (True, {"wrong": ""}),
        "latents_are_whole": (True, {"wrong": {}, "shapes": shape}),
        "scenario_export_is_proven": (True, graph.first.of("scenario_adapter")["parity"]),
        "unified_export_is_proven": (True, graph.first.of("unified_adapter")["parity"]),
        "gate_passes": (False, {"verdict": "inconclusive"}),
        "samples_move": (True, {"frozen": 0, "samples": len(list(samples.glob("*.mp4")))}),
        "presets_are_intact": (True, {"broken": {}}),
        "summary_is_fresh": (True, {"outdated": [], "remedy": "materialize project_summary"}),
    }
    assert checks["gate_passes"].severity == dg.AssetCheckSeverity.WARN
    assert "a pass needs 32" in (checks["gate_passes"].description or "")


@pytest.fixture
def damaged(graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the graph's workspace that a test may damage, and that the checks look at."""
    root = Path(shutil.copytree(graph.workspace.root, tmp_path / "damaged"))
    for name, value in graph.environment.items():
        monkeypatch.setenv(name, value.replace(str(graph.workspace.root), str(root)))
    return Workspace.from_environment()


def _check_all() -> dict[str, dg.AssetCheckEvaluation]:
    job = dg.define_asset_job("checks", dg.AssetSelection.all_asset_checks())
    definitions = dg.Definitions.merge(build_definitions(), dg.Definitions(jobs=[job]))
    # Dagster 1.13 infers partitions from a job's assets, and this one has none.
    tags = {"dagster/partition": SCENARIO}
    with dg.DagsterInstance.ephemeral() as instance:
        done = definitions.resolve_job_def("checks").execute_in_process(
            instance=instance, tags=tags, raise_on_error=False
        )
    return {check.check_name: check for check in done.get_asset_check_evaluations()}


def _edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_every_check_fails_on_what_it_guards_against_and_names_it(
    graph: Graph, damaged: Workspace
) -> None:
    manifest = damaged.manifest(SCENARIO)
    trained = [c for c in read_manifest(manifest).clips if c.split == "train"]
    framed, encoded = (clip for clip in trained[:3] if clip.id != TOO_SHORT)
    Image.new("RGB", (480, 720)).save(damaged.root / framed.first_frame)
    moments = damaged.root / encoded.latent
    moments.write_bytes(moments.read_bytes()[:-100])
    clips = json.loads(manifest.read_text())["clips"]
    held_out = next(clip for clip in clips if clip["split"] == "validation")
    next(clip for clip in clips if clip["id"] == framed.id)["source_group"] = held_out[
        "source_group"
    ]
    _edit(manifest, clips=clips)
    for run in (damaged.scenario_run(SCENARIO), damaged.unified_run):
        (adapter,) = run.rglob(ADAPTER_FILE)
        adapter.write_bytes(adapter.read_bytes()[:-1] + b"?")
    sha256 = graph.first.of("scenario_adapter")["adapter_sha256"]
    (damaged.root / registered_path(sha256)).unlink()
    verdict = damaged.validation(SCENARIO) / VERDICT_FILE
    known = json.loads(verdict.read_text())
    _edit(
        verdict,
        verdict=known["verdict"] | {"verdict": "fail", "reasons": ["It got worse."]},
        adapter_scores=known["adapter_scores"] | {"frozen_samples": 1},
    )

    checks = _check_all()
    said = _said(checks.values())
    assert set(said) == set(graph.second.checks)
    assert not any(passed for passed, _ in said.values())
    assert {name for name, check in checks.items() if check.blocking} == BLOCKING
    about = {name: metadata for name, (_, metadata) in said.items()}
    assert about["frames_are_whole"] == {"wrong": framed.id}
    assert set(about["latents_are_whole"]["wrong"]) == {encoded.id}
    assert held_out["source_group"] in about["splits_do_not_leak"]["on two sides"]
    assert set(about["presets_are_intact"]["broken"]) == {SCENARIO}
    assert about["summary_is_fresh"]["outdated"] == [SCENARIO]
    assert about["samples_move"]["frozen"] == 1
    assert checks["gate_passes"].severity == dg.AssetCheckSeverity.ERROR
    assert checks["gate_passes"].description == "It got worse."
    for name in ("scenario_export_is_proven", "unified_export_is_proven"):
        assert "not the recorded one" in (checks[name].description or "")

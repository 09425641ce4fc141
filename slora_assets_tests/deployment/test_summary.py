"""The roll-up says what is so, and says when it no longer does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.deployment.summary import outdated_rows, summarise, summary_lines
from slora_assets.documents import ADAPTER_FILE, VERDICT_FILE
from slora_assets.provenance import sha256_file, write_json
from slora_assets.provenance.records import read_verdict
from slora_assets_tests.deployment.conftest import FinishRun

SCORES = {
    "clip_similarity": 0.25,
    "temporal_consistency": None,
    "motion_speed": 0.5,
    "frozen_samples": 1,
    "samples": 4,
}
SCORED: dict[str, Any] = {
    "base_scores": SCORES,
    "adapter_scores": SCORES | {"clip_similarity": 0.375, "temporal_consistency": 0.875},
    "footage_scores": {"clip_similarity": 0.5, "temporal_consistency": 1.0, "motion_speed": 0.625},
}
READY = {
    "description": "A market.",
    "any_caption": 4,
    "matched": 3,
    "missing": 0,
    "unusable": 0,
    "train": 2,
    "validation": 1,
    "test": 0,
    "min_train_clips": 2,
    "min_validation_clips": 1,
    "shortfall": None,
}


def _curate(workspace: Workspace, **entry: Any) -> Workspace:
    """A metadata document that knows one scenario, and no clip."""
    write_json(
        workspace.scenario_metadata,
        {
            "schema_version": 1,
            "config_hash": "a",
            "dataset_hash": "b",
            "clips": [],
            "rejects": [],
            "reject_counts": {},
            "dataset": {"name": "sample", "licence": "CC0-1.0", "use": "any", "annotations": {}},
            "scenarios": {"market_floor": READY | entry},
        },
    )
    return workspace


@pytest.fixture
def curated(workspace: Workspace) -> Workspace:
    return _curate(workspace)


def _too_few_clips(workspace: Workspace, finish_run: FinishRun) -> None:
    finish_run("market_floor", **SCORED)  # a run from before clips were taken away
    _curate(workspace, train=0, shortfall="0 train clips of at least 2")


def _retired(workspace: Workspace, finish_run: FinishRun) -> None:
    finish_run("market_floor", **SCORED)
    _curate(workspace, train=0, shortfall="it is retired: winter", retired=True)


def _not_trained(workspace: Workspace, finish_run: FinishRun) -> None:
    """Nothing is done."""


def _not_validated(workspace: Workspace, finish_run: FinishRun) -> None:
    finish_run("market_floor")
    (workspace.validation("market_floor") / VERDICT_FILE).unlink()


def _of_another_adapter(workspace: Workspace, finish_run: FinishRun) -> None:
    finish_run("market_floor", adapter_sha256="0" * 64, **SCORED)


def _judged(answer: str) -> Callable[[Workspace, FinishRun], None]:
    def judge(workspace: Workspace, finish_run: FinishRun) -> None:
        finish_run("market_floor", answer, **SCORED)

    return judge


@pytest.mark.parametrize(
    ("happened", "state", "why", "scored"),
    [
        (_too_few_clips, "too few clips", "0 train clips of at least 2", False),
        (_retired, "retired", "it is retired: winter", False),
        (_not_trained, "not trained", "the file does not exist", False),
        (_not_validated, "not validated", "the file does not exist", False),
        (_of_another_adapter, "not validated", "the verdict is of another adapter", False),
        (_judged("pass"), "pass", "", True),
        (_judged("fail"), "fail", "", True),
        (_judged("inconclusive"), "inconclusive", "", True),
    ],
    ids=[
        "too few",
        "retired",
        "untrained",
        "unvalidated",
        "other adapter",
        "pass",
        "fail",
        "inconclusive",
    ],
)
def test_a_scenario_in_each_state_has_a_row_that_says_it_and_why(
    curated: Workspace,
    finish_run: FinishRun,
    happened: Callable[[Workspace, FinishRun], None],
    state: str,
    why: str,
    scored: bool,
) -> None:
    happened(curated, finish_run)
    if not why:
        why = " ".join(read_verdict(curated, "market_floor").gate.reasons)
    document = summarise(curated)
    row = document["rows"]["market_floor"]
    assert (row["state"], row["detail"]) == (state, why)
    assert ("base_scores" in row, "report" in row) == (scored, scored)
    written = (curated.summary / "summary.md").read_text()
    shown = "clip 0.375, temporal 0.875, motion 0.500, frozen 1/4" if scored else "-"
    report = "outputs/validation/market_floor/report.md" if scored else "-"
    base = "clip 0.250, temporal null, motion 0.500, frozen 1/4" if scored else "-"
    footage = "clip 0.500, temporal 1.000, motion 0.625" if scored else "-"
    assert f"| market_floor | {state} | {base} | {shown} | {footage} | {report} |\n" in written
    assert f"| market_floor | {why} |\n" in written
    (line,) = (line for line in summary_lines(document) if line.startswith("market_floor"))
    assert state.upper() in line and ((shown in line) if scored else (why in line))


def test_a_trained_row_says_where_the_adapter_and_its_evidence_lie(
    curated: Workspace, finish_run: FinishRun
) -> None:
    sha256 = finish_run("market_floor", **SCORED)
    row = summarise(curated)["rows"]["market_floor"]
    assert row["adapter_sha256"] == sha256
    assert sha256_file(curated.absolute(row["adapter"]) / ADAPTER_FILE) == sha256
    assert curated.absolute(row["run"]) == curated.scenario_run("market_floor")
    assert row["samples"].endswith("market_floor/sample_epoch_2")


def test_the_unified_run_has_the_last_row_whatever_the_scenarios_are(
    curated: Workspace, finish_run: FinishRun
) -> None:
    finish_run("market_floor", **SCORED)
    shutil.copytree(curated.scenario_run("market_floor"), curated.unified_run)
    rows = summarise(curated)["rows"]
    assert list(rows) == ["market_floor", UNIFIED]
    assert rows[UNIFIED]["state"] == "not validated"


def test_a_new_verdict_makes_only_its_row_outdated(
    curated: Workspace, finish_run: FinishRun
) -> None:
    summarise(curated)
    assert outdated_rows(curated) == []
    finish_run("market_floor")
    assert outdated_rows(curated) == ["market_floor"]
    summarise(curated)
    assert outdated_rows(curated) == []


def test_a_verdict_that_no_longer_stands_is_out_of_date_whatever_it_says(
    curated: Workspace, finish_run: FinishRun
) -> None:
    finish_run("market_floor", **SCORED)
    summarise(curated)
    told = curated.validation_prompts.read_text()
    curated.validation_prompts.write_text(told.replace("confidence: 0.95", "confidence: 0.99"))
    assert outdated_rows(curated) == ["market_floor"]
    document = summarise(curated)
    row = document["rows"]["market_floor"]
    assert row["state"] == "out of date"
    assert row["detail"].startswith("the verdict, pass, no longer stands: ")
    assert "; gate.confidence is 0.99, and was 0.95; run `make validate`" in row["detail"]
    (line,) = (line for line in summary_lines(document) if line.startswith("market_floor"))
    assert line.endswith("OUT OF DATE")


def test_a_verdict_of_which_nobody_can_tell_whether_it_stands_keeps_its_row(
    curated: Workspace, finish_run: FinishRun
) -> None:
    finish_run("market_floor", **SCORED)
    curated.presets.write_text(curated.presets.read_text() + "presests: {}\n")
    row = summarise(curated)["rows"]["market_floor"]
    assert row["state"] == "out of date"
    assert row["detail"].startswith("whether the verdict, pass, still stands can't be told: ")
    assert curated.presets.name in row["detail"] and str(curated.root) not in row["detail"]
    assert row["adapter_scores"] == SCORED["adapter_scores"]


def test_a_verdict_that_was_edited_is_not_what_the_summary_says(
    curated: Workspace, finish_run: FinishRun
) -> None:
    finish_run("market_floor", "fail", **SCORED)
    file = curated.validation("market_floor") / VERDICT_FILE
    finish_run("kitchen", "pass", **SCORED)
    told = file.read_text().replace('"verdict": "fail"', '"verdict": "pass"')
    file.write_text(told.replace('"run": "market_floor"', '"run": "kitchen"'))
    row = summarise(curated)["rows"]["market_floor"]
    assert row["state"] == "out of date"
    why = f"{VERDICT_FILE}: the file is not what its stage left; run `make validate`"
    assert row["detail"] == f"the verdict, pass, no longer stands: {why}"


def test_without_a_summary_the_error_says_what_makes_one(curated: Workspace) -> None:
    with pytest.raises(MissingInputError, match="make summary"):
        outdated_rows(curated)

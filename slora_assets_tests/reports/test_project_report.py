"""The project's page, the command that writes all pages, and the sentence on each run."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from slora_assets.cli import main
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import RUN_RECORD, VERDICT_FILE
from slora_assets.provenance import write_json
from slora_assets.reports.metrics import plain
from slora_assets.reports.project_report import write_project_report
from slora_assets.validation.metrics.naming import METRICS
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.reports.made import add_metadata, prompts_of, report_of, reported_workspace
from slora_assets_tests.reports.made_parts import RUN
from slora_assets_tests.reports.test_run_report import Read
from slora_assets_tests.small_graph import PROJECT


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = reported_workspace(tmp_path)
    add_metadata(made)
    return made


def read(workspace: Workspace) -> Read:
    return Read(write_project_report(workspace, prompts_of(workspace)).read_text())


def test_a_line_per_scenario_and_the_unified_run_with_what_to_do(workspace: Workspace) -> None:
    found = read(workspace)
    for words in (
        "1 of 4 runs pass the gate, 0 adapters are promoted.",
        f"{RUN} pass 0.500 → 0.500 0.510 – – not promoted",
        "Too few clips: 0 of 3 <clips>.",
        "stage not trained",
        "make train-scenarios",
        f"slora promote {RUN}",
        "lora_unified",
    ):
        assert words in found.text, words
    assert "base, adapter; footage cosine, -1 to 1 higher is better" in found.text
    assert found.tags.count("video") == 3, "base, adapter and footage"


def test_a_link_leads_to_the_runs_page_once_that_is_written(workspace: Workspace) -> None:
    before = read(workspace)
    assert ("href", f"{RUN}.html") not in before.attributes
    assert f"Its page isn't written yet: slora report {RUN}" in before.text
    page = report_of(workspace)
    after = read(workspace)
    assert ("href", f"{RUN}.html") in after.attributes
    assert (workspace.project_report.parent / f"{RUN}.html") == page
    assert ("href", workspace.project_report.name) in Read(page.read_text()).attributes


def test_the_unified_run_is_told_to_have_no_preset(workspace: Workspace) -> None:
    shutil.copytree(workspace.scenario_run(RUN), workspace.unified_run)
    shutil.copytree(workspace.validation(RUN), workspace.validation(UNIFIED))
    for path in (
        workspace.unified_run / RUN_RECORD,
        workspace.validation(UNIFIED) / VERDICT_FILE,
    ):
        write_json(path, json.loads(path.read_text()) | {"run": UNIFIED})
    put_run_on_record(workspace, UNIFIED)
    text = read(workspace).text
    assert "2 of 4 runs pass the gate" in text
    assert "Presets serve adapters of scenarios: the unified one is not promoted." in text
    assert f"slora promote {UNIFIED}" not in text


def test_the_same_documents_give_the_same_page(workspace: Workspace) -> None:
    first = write_project_report(workspace, prompts_of(workspace)).read_bytes()
    again = write_project_report(workspace, prompts_of(workspace)).read_bytes()
    assert first == again
    assert str(workspace.root).encode() not in first


def test_a_run_that_is_called_index_has_a_page_of_its_own(workspace: Workspace) -> None:
    assert workspace.report("index") != workspace.project_report


def test_the_command_writes_all_pages_and_says_where(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(PROJECT / "configs/data/sample.yaml", workspace.dataset_file)
    monkeypatch.setenv("SLORA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("SLORA_CONFIGS", str(workspace.configs))
    monkeypatch.delenv("SLORA_DATASET", raising=False)
    for arguments in ([], [RUN]):
        monkeypatch.setattr(sys, "argv", ["slora", "report", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        said = [Path(line) for line in capsys.readouterr().out.split()]
        assert said == [workspace.report(RUN), workspace.project_report]
        assert all(path.is_file() for path in said)


def test_every_metric_that_the_shipped_gate_guards_is_described() -> None:
    shipped = read_validation_prompts(PROJECT / "configs/training/validation_prompts.yaml")
    for name, guard in shipped.gate.guards.items():
        assert METRICS[name].better == ("higher" if guard.higher_is_better else "lower")
        assert METRICS[name].unit
        assert METRICS[name].says


def test_reasons_are_told_without_the_names_of_code() -> None:
    told = plain("clip_similarity is worse by -0.5 on market_floor_01, motion_jitter is not.")
    assert told == "CLIP similarity is worse by −0.5 on market_floor_01, motion jitter is not."

"""The pages as assets: written where they say, current as long as their bytes are."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.defs.assets.reports import project_report, scenario_report
from slora_assets.defs.media import INLINE_LIMIT, drawings
from slora_assets.defs.project import ProjectResource
from slora_assets_tests.reports.made import add_metadata, reported_workspace
from slora_assets_tests.reports.made_parts import RUN
from slora_assets_tests.small_graph import PROJECT


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = reported_workspace(tmp_path)
    add_metadata(made)
    shutil.copy(PROJECT / "configs/data/sample.yaml", made.dataset_file)
    monkeypatch.setenv("SLORA_WORKSPACE", str(made.root))
    monkeypatch.setenv("SLORA_CONFIGS", str(made.configs))
    monkeypatch.delenv("SLORA_DATASET", raising=False)
    return made


def made(asset: dg.AssetsDefinition, partition: str | None = None) -> dg.AssetMaterialization:
    result = dg.materialize([asset], partition_key=partition, resources=RESOURCES)
    (event,) = result.asset_materializations_for_node(asset.op.name)
    return event


RESOURCES = {"project": ProjectResource()}


def test_a_runs_page_is_written_and_its_main_parts_stand_in_the_log(workspace: Workspace) -> None:
    event = made(scenario_report, RUN)
    page = workspace.report(RUN)
    assert event.metadata["page"].value == str(page)
    assert event.metadata["bytes"].value == page.stat().st_size
    assert str(event.metadata["verdict"].value).startswith("Pass: ")
    assert f"slora promote {RUN}" in str(event.metadata["what to do"].value)
    assert str(event.metadata["differences"].value).count("data:image/svg+xml;base64,") == 3
    assert sum(len(str(one.value)) for one in event.metadata.values()) < INLINE_LIMIT
    again = made(scenario_report, RUN)
    assert (event.tags or {})["dagster/data_version"] == (again.tags or {})["dagster/data_version"]


def test_the_projects_page_is_written(workspace: Workspace) -> None:
    event = made(project_report)
    assert event.metadata["page"].value == str(workspace.project_report)
    assert f"**{RUN}**: Pass: " in str(event.metadata["runs"].value)


def test_pages_are_written_by_the_jobs_that_judge_and_roll_up() -> None:
    from slora_assets.definitions import defs

    jobs = {
        "validate": {"scenario_report"},
        "refresh": {"scenario_report", "project_report"},
        "validate_unified": {"unified_report"},
        "summary": {"project_report"},
    }
    for job, assets in jobs.items():
        keys = defs.resolve_job_def(job).asset_layer.executable_asset_keys
        assert {dg.AssetKey(asset) for asset in assets} <= keys, job


def test_charts_that_do_not_fit_are_counted() -> None:
    shown = str(drawings({"a": "x" * 30, "b": "x" * 3000}, 200).value)
    assert shown.endswith("1 of 2 charts are shown here")
    assert len(shown) < 200

"""What is looked at daily looks only, finds what is wrong, and waits until there is something."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.defs.code_location import build_definitions
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.schedules import daily_summary, verify_served
from slora_assets.documents import registered_path
from slora_assets_tests.defs.shown import Graph
from slora_assets_tests.small_graph import prepare
from slora_assets_tests.workspaces import choose


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace in which nothing has been made."""
    return choose(prepare(tmp_path), monkeypatch)


def _ticked(schedule: dg.ScheduleDefinition) -> str | None:
    """Why a tick of the schedule launches nothing; None when it launches its job."""
    with dg.build_schedule_context(resources={"project": ProjectResource()}) as context:
        tick = schedule.evaluate_tick(context)
    assert bool(tick.run_requests) != bool(tick.skip_message)
    return tick.skip_message


def test_a_workspace_in_which_nothing_was_made_is_left_alone(fresh: Workspace) -> None:
    assert "nothing is promoted" in str(_ticked(verify_served))
    assert "no metadata" in str(_ticked(daily_summary))


def test_presets_that_can_t_be_read_are_looked_at(fresh: Workspace) -> None:
    fresh.presets.write_text("presets: nonsense\n")
    assert _ticked(verify_served) is None


def _verified() -> dg.ExecuteInProcessResult:
    job = build_definitions().resolve_job_def("verify_served")
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False)


def _files(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_verification_looks_at_what_is_served_and_makes_nothing(copy: Workspace) -> None:
    assert _ticked(verify_served) is None
    before = _files(copy.root)
    done = _verified()
    assert {check.check_name: check.passed for check in done.get_asset_check_evaluations()} == {
        "presets_are_intact": True,
        "summary_is_fresh": True,
    }
    assert not done.get_asset_materialization_events()
    assert _files(copy.root) == before


def test_verification_finds_an_adapter_that_was_changed_after_its_promotion(
    graph: Graph, copy: Workspace
) -> None:
    sha256 = graph.first.of("scenario_adapter")["adapter_sha256"]
    (copy.root / registered_path(sha256)).write_bytes(b"another")
    checks = {check.check_name: check for check in _verified().get_asset_check_evaluations()}
    assert not checks["presets_are_intact"].passed
    assert checks["presets_are_intact"].severity == dg.AssetCheckSeverity.ERROR


def test_the_summary_is_written_daily_and_overdue_a_day_later(copy: Workspace) -> None:
    assert _ticked(daily_summary) is None
    definitions = build_definitions()
    assert daily_summary.job_name in {job.name for job in definitions.resolve_all_job_defs()}
    graph = definitions.resolve_asset_graph()
    policies = {
        key.to_user_string(): policy
        for key in graph.get_all_asset_keys()
        if (policy := graph.get(key).freshness_policy)
    }
    # Nothing else is made by the clock, so that of nothing else its age says anything.
    assert set(policies) == {"project_summary"}
    policy = policies["project_summary"]
    assert timedelta(hours=24) < policy.warn_window.to_timedelta() < timedelta(hours=48)

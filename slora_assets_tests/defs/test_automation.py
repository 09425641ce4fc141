"""What updates itself needs no accelerator, and follows the content of what changed."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from slora_assets.defs.automation import automatic_updates
from slora_assets.defs.code_location import build_definitions
from slora_assets.defs.partitions import SCENARIOS
from slora_assets_tests.small_graph import prepare

_STEPS = ("scenario_manifest", "first_frames", "scenario_adapter", "scenario_validation")


def test_one_sensor_holds_all_conditions_and_is_off_until_a_person_switches_it_on() -> None:
    definitions = build_definitions()
    graph = definitions.resolve_asset_graph()
    conditioned = {
        key
        for key in graph.get_all_asset_keys() | graph.asset_check_keys
        if graph.get(key).automation_condition is not None
    }
    target = automatic_updates.asset_selection
    assert target.resolve(graph) | target.resolve_checks(graph) == conditioned
    sensors = definitions.get_repository_def().sensor_defs
    assert [one.name for one in sensors if "automation_condition" in one.name] == []
    assert automatic_updates.default_status == dg.DefaultSensorStatus.STOPPED


def test_nothing_that_updates_itself_needs_the_accelerator() -> None:
    graph = build_definitions().resolve_asset_graph()
    for key in automatic_updates.asset_selection.resolve(graph):
        assert not graph.get(key).pools, key


def _made(instance: dg.DagsterInstance, asset: str, scenario: str | None, version: str) -> None:
    tags = {"dagster/data_version": version}
    made = dg.AssetMaterialization(asset, partition=scenario, tags=tags)
    instance.report_runless_asset_event(made)


def _edited(instance: dg.DagsterInstance, part: str, scenario: str, version: str) -> None:
    tags = {"dagster/data_version": version}
    seen = dg.AssetObservation(part, partition=scenario, tags=tags)
    instance.report_runless_asset_event(seen)


class Daemon:
    """What the sensor would request, look by look."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._definitions, self._instance = definitions, instance
        self._cursor = None

    def look(self) -> dict[str, set[str]]:
        """Asset or check to the partitions that are requested now, none where it has none."""
        result = dg.evaluate_automation_conditions(
            self._definitions,
            self._instance,
            automatic_updates.asset_selection,
            cursor=self._cursor,
        )
        self._cursor = result.cursor
        return {
            getattr(one.key, "name", None) or one.key.to_user_string(): (
                set(one.true_subset.expensively_compute_partition_keys())
                if one.true_subset.is_partitioned
                else set()
            )
            for one in result.results
            if not one.true_subset.is_empty
        }


def test_what_changed_sets_off_what_follows_it_for_its_scenario_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in prepare(tmp_path).items():
        monkeypatch.setenv(name, value)
    touched, other = SCENARIOS.get_partition_keys()[:2]
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(build_definitions(), instance)
        _made(instance, "base_model", None, "1")
        for scenario in (touched, other):
            for step in _STEPS:
                _made(instance, step, scenario, "1")
            for part in ("training_settings", "gate_settings"):
                _edited(instance, part, scenario, "1")
        assert daemon.look() == {}
        _made(instance, "scenario_manifest", touched, "1")
        assert daemon.look() == {}, "the same bytes were made again"
        _made(instance, "scenario_manifest", touched, "2")
        assert daemon.look() == {"first_frames": {touched}, "adapter_is_current": {touched}}
        _edited(instance, "gate_settings", other, "2")
        assert daemon.look() == {"verdict_is_current": {other}}
        _edited(instance, "training_settings", touched, "2")
        assert daemon.look() == {"adapter_is_current": {touched}}
        assert daemon.look() == {}


def test_pages_follow_a_verdict_though_other_scenarios_were_never_judged_or_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in prepare(tmp_path).items():
        monkeypatch.setenv(name, value)
    judged = SCENARIOS.get_partition_keys()[0]
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(build_definitions(), instance)
        assert daemon.look() == {}
        _made(instance, "scenario_validation", judged, "1")
        asked = daemon.look()
        assert asked["scenario_report"] == {judged}
        assert {"project_summary", "project_report"} <= asked.keys()
        assert "unified_report" not in asked

"""Runs that are launched wrongly say in one sentence what was found, expected and to be done."""

from __future__ import annotations

import dagster as dg
import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.defs.code_location import build_definitions
from slora_assets.defs.failure_message import step_failure_message

CHANGE = {"action": "promote", "scenario": "market_floor", "by": "Ada", "reason": "better"}


def _refused(job: str, change: dict[str, str] | None = None) -> str:
    """What a person reads of a run that fails; `change` is the presets' configuration."""
    config = {"ops": {"inference_presets": {"config": change}}} if change else None
    with dg.DagsterInstance.ephemeral() as instance:
        done = (
            build_definitions()
            .resolve_job_def(job)
            .execute_in_process(instance=instance, run_config=config, raise_on_error=False)
        )
    (first, *_) = [event for event in done.all_events if event.is_step_failure]
    return step_failure_message(first)


@pytest.mark.parametrize("job", ["preprocess", "train_scenarios", "validate"])
def test_a_run_for_no_scenario_names_those_that_there_are(workspace: Workspace, job: str) -> None:
    said = _refused(job)
    assert "the run has to be for one scenario; found 'none'; expected one of [" in said
    assert "market_floor" in said and "--partition" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("job", "blank"),
    [
        ("promote", ["by"]),
        ("promote", ["scenario", "by", "reason"]),
        ("demote", ["reason"]),
    ],
)
def test_a_change_that_nobody_signed_says_what_is_blank(
    workspace: Workspace, job: str, blank: list[str]
) -> None:
    said = _refused(job, CHANGE | {"action": job} | dict.fromkeys(blank, " "))
    assert said.startswith(f"key '{', '.join(blank)}': to {job} an adapter takes")
    assert "Remedy: " in said and len(said.splitlines()) == 1


def test_a_job_that_is_launched_as_it_stands_says_what_to_fill_in(workspace: Workspace) -> None:
    assert _refused("promote").startswith("key 'scenario, by, reason': ")


def test_an_unknown_scenario_is_told_with_the_known_ones(workspace: Workspace) -> None:
    said = _refused("promote", CHANGE | {"scenario": "nowhere"})
    assert "no such scenario; found 'nowhere'; expected one of [" in said
    assert "market_floor" in said

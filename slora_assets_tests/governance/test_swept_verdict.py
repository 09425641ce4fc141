"""What a verdict or an earlier sweep has measured, a sweep doesn't draw again; it would find the
same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from slora_assets.config.errors import NoRoomError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import write_preset
from slora_assets.documents import SweptMeasurements
from slora_assets.provenance import write_json
from slora_assets.provenance.records import read_document, read_verdict
from slora_assets.validation.earned import earned_strengths
from slora_assets.validation.sweep import sweep_run
from slora_assets.validation.swept import read_sweep
from slora_assets_tests.governance.made import SCENARIO
from slora_assets_tests.on_record import put_sweep_on_record

BESIDE = 1.0
BETWEEN = {"scale": 0.9, "scale_min": 0.85, "scale_max": 1.0}


def test_a_sweep_takes_the_verdicts_strength_from_it_and_finds_the_same_without_it(
    project: Workspace,
) -> None:
    prompts = project.validation_prompts
    prompts.write_text(prompts.read_text() + f"sweep: [{BESIDE}]\n")

    by_verdict, said = sweep(project)
    assert said.count(f"{SCENARIO}: 0.85 was measured for the verdict") == 1
    assert sampled_at(said) == ["1"]

    shutil.rmtree(project.sweep(SCENARIO).parent)
    shutil.rmtree(project.validation(SCENARIO))
    drawn, said = sweep(project)
    assert sampled_at(said) == ["0.85", "1"]
    assert drawn == by_verdict


def test_measurements_of_a_verdict_that_were_edited_are_drawn_again(project: Workspace) -> None:
    pairs = project.validation(SCENARIO) / "pairs.json"
    was = pairs.read_text()
    pairs.write_text(was.replace('"clip_similarity": 0', '"clip_similarity": 1'))
    assert pairs.read_text() != was
    _, said = sweep(project)
    assert sampled_at(said) == ["0.85"]


def test_a_strength_that_is_served_since_is_drawn_alone_and_stands_in_its_place(
    project: Workspace,
) -> None:
    before = swept_beside(project)
    write_preset(project.presets, SCENARIO, BETWEEN)
    (bytes_, after), said = sweep(project)
    assert sampled_at(said) == [f"{BETWEEN['scale']}"]
    found = [row.scale for row in after.scales]
    assert found == [0.85, 0.9, BESIDE]
    assert [row for row in after.scales if row.scale != 0.9] == before.scales
    verdict = read_verdict(project, SCENARIO)
    run = project.scenario_run(SCENARIO)
    strengths = earned_strengths(project, run, verdict, read_sweep(project, SCENARIO))
    assert [one.scale for one in strengths] == found
    again, said = sweep(project)
    assert (again[0], sampled_at(said)) == (bytes_, [])
    folder = project.sweep(SCENARIO).parent
    assert [path for path in folder.parent.iterdir() if path != folder] == [], "nothing half done"


@pytest.mark.parametrize(
    ("told", "recorded"),
    [({"threads": 99}, True), ({"base_scores": {}}, False)],
    ids=["with other threads", "by nobody"],
)
def test_rows_that_were_made_otherwise_are_not_taken_over(
    project: Workspace, told: dict[str, object], recorded: bool
) -> None:
    swept_beside(project)
    file = project.sweep(SCENARIO)
    write_json(file, json.loads(file.read_text()) | told)
    if recorded:
        put_sweep_on_record(project, SCENARIO)
    write_preset(project.presets, SCENARIO, BETWEEN)
    (_, after), said = sweep(project)
    assert sampled_at(said) == ["0.9", "1"]
    assert [row.scale for row in after.scales] == [0.9, BESIDE]
    assert ("software or threads are others now" in " ".join(said)) is recorded
    made = read_sweep(project, SCENARIO)
    assert made.threads != 99 and made.base_scores


def test_a_sweep_that_breaks_off_while_it_is_completed_leaves_the_one_before(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept_beside(project)
    folder = project.sweep(SCENARIO).parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_preset(project.presets, SCENARIO, BETWEEN)

    def full(path: Path, _: object) -> None:
        raise NoRoomError("the disk is full", file=path)

    with monkeypatch.context() as patch, pytest.raises(NoRoomError):
        patch.setattr("slora_assets.validation.sweep.write_sweep_plot", full)
        sweep(project)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    verdict, run = read_verdict(project, SCENARIO), project.scenario_run(SCENARIO)
    assert earned_strengths(project, run, verdict, read_sweep(project, SCENARIO))
    (_, after), said = sweep(project)
    assert (sampled_at(said), len(after.scales)) == (["0.9"], 3), "it goes on from there"


def swept_beside(workspace: Workspace) -> SweptMeasurements:
    """What a sweep of the verdict's strength and another measured."""
    prompts = workspace.validation_prompts
    prompts.write_text(prompts.read_text() + f"sweep: [{BESIDE}]\n")
    (_, found), _ = sweep(workspace)
    return found


def sweep(workspace: Workspace) -> tuple[tuple[bytes, SweptMeasurements], list[str]]:
    """What a sweep leaves, and what it says meanwhile."""
    said: list[str] = []
    run = workspace.scenario_run(SCENARIO)
    settings = read_validation_prompts(workspace.validation_prompts)
    sweep_run(workspace, run, settings, said.append, lambda: False)
    return (workspace.sweep(SCENARIO).read_bytes(), measured(workspace.swept_pairs(SCENARIO))), said


def measured(pairs: Path) -> SweptMeasurements:
    return read_document(pairs, SweptMeasurements, what="measurements", remedy="sweep")


def sampled_at(said: list[str]) -> list[str]:
    """The strengths that the adapter was drawn at."""
    marker = "with the adapter at "
    return [line.split(marker)[1] for line in said if marker in line]

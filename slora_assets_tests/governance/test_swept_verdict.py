"""What a verdict has measured, a sweep doesn't draw again; it would find the same."""

from __future__ import annotations

import shutil
from pathlib import Path

from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.documents import SweptMeasurements
from slora_assets.provenance.records import read_document
from slora_assets.validation.sweep import sweep_run
from slora_assets_tests.governance.made import SCENARIO

BESIDE = 1.0


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

"""Promotion judges a sweep's strengths again: nobody is served at one that its own measurements
don't let through."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from slora_assets.config.errors import GateError, IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import promote
from slora_assets.documents import Answer
from slora_assets.provenance import sha256_file
from slora_assets_tests.earned import write_sweep
from slora_assets_tests.on_record import put_sweep_on_record
from slora_assets_tests.workspaces import contents, rewrite

FinishRun = Callable[..., str]
Change = Callable[[dict[str, Any]], Any]
SCENARIO = "market_floor"


@pytest.fixture
def swept(workspace: Workspace, finish_run: FinishRun) -> Workspace:
    """An adapter that fails at 0.5, passes from 0.7 to 1.0, and about 1.2 nothing is concluded."""
    finish_run()
    prompts = workspace.validation_prompts
    text = re.sub(r"sweep: \[.*\]", "sweep: [0.5, 0.7, 1.0, 1.2]", prompts.read_text())
    prompts.write_text(text)
    answers: dict[float, Answer] = {
        0.5: "fail",
        0.7: "pass",
        0.85: "pass",
        1.0: "pass",
        1.2: "inconclusive",
    }
    write_sweep(workspace, SCENARIO, answers)
    return workspace


def _remeasure(workspace: Workspace, change: Change) -> None:
    """Edit the measurements, and the hash of them as well."""
    pairs = workspace.swept_pairs(SCENARIO)
    rewrite(pairs, change)
    rewrite(workspace.sweep(SCENARIO), lambda found: found.update(pairs_sha256=sha256_file(pairs)))


def _reach(workspace: Workspace) -> tuple[float, float, float]:
    promote(workspace, SCENARIO, "Zoë", "it passed")
    preset = read_presets(workspace.presets).presets[SCENARIO]
    return preset.scale, preset.scale_min, preset.scale_max


def _refused(workspace: Workspace, error: type[Exception], match: str) -> Any:
    before = contents(workspace.root)
    with pytest.raises(error, match=match) as caught:
        promote(workspace, SCENARIO, "Zoë", "it passed")
    assert contents(workspace.root) == before
    assert "make sweep" in str(caught.value)
    return caught.value


def test_what_was_measured_as_it_says_is_served(swept: Workspace) -> None:
    assert _reach(swept) == (1.0, 0.7, 1.0)


@pytest.mark.parametrize(("row", "truly"), [(0, "fail"), (4, "inconclusive")])
def test_a_strength_that_was_edited_to_pass_is_refused(
    swept: Workspace, row: int, truly: str
) -> None:
    rewrite(swept.sweep(SCENARIO), lambda found: found["scales"][row].update(answer="pass"))
    refused = _refused(swept, GateError, "not what its own scores give")
    assert (refused.key, refused.found) == (f"scales.{row}.answer", "pass")
    assert refused.expected.startswith(f"{truly}: ")


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["scales"][2].update(scale=1.5),
        lambda found: found["scales"].append(found["scales"][3] | {"scale": 2.0}),
        lambda found: found["scales"][2].update(speed="fast"),
        lambda found: found["scales"].append(found["scales"][3]),
    ],
)
def test_a_strength_that_nobody_measured_is_refused(swept: Workspace, change: Change) -> None:
    rewrite(swept.sweep(SCENARIO), change)
    _refused(swept, GateError, "not those that were measured")


def test_measurements_that_are_not_the_sweep_s_are_refused(swept: Workspace) -> None:
    file = swept.swept_pairs(SCENARIO)
    rewrite(file, lambda found: found["scales"][0].update(pairs=found["scales"][1]["pairs"]))
    refused = _refused(swept, IntegrityError, "not those of the sweep")
    assert refused.file == file
    file.unlink()
    _refused(swept, MissingInputError, "pairs.json")


@pytest.mark.parametrize("given_up", [False, True])
def test_a_strength_is_not_let_through_by_some_of_its_clips(
    swept: Workspace, given_up: bool
) -> None:
    def keep_the_best(found: dict[str, Any]) -> None:
        row = found["scales"][1]
        row.update(pairs=row["pairs"][:-1], given_up=given_up)

    _remeasure(swept, keep_the_best)
    why = "not what its own scores give" if given_up else "not those of the prompts"
    _refused(swept, GateError, why)


def test_a_strength_that_was_given_up_early_stays_failed(swept: Workspace) -> None:
    def give_up(found: dict[str, Any]) -> None:
        row = found["scales"][0]
        row.update(pairs=row["pairs"][:8], given_up=True)

    _remeasure(swept, give_up)
    put_sweep_on_record(swept, SCENARIO)
    assert _reach(swept) == (1.0, 0.7, 1.0)


def test_scores_that_were_edited_choose_no_strength(swept: Workspace) -> None:
    rewrite(
        swept.sweep(SCENARIO),
        lambda found: found["scales"][1].update(adapter_scores={"clip_similarity": 9.0}),
    )
    put_sweep_on_record(swept, SCENARIO)
    assert _reach(swept) == (1.0, 0.7, 1.0)


def test_a_sweep_of_an_older_version_counts_for_nothing_and_is_no_fault(swept: Workspace) -> None:
    def as_it_was(found: dict[str, Any]) -> None:
        found.update(schema_version=1)
        del found["pairs_sha256"]

    rewrite(swept.sweep(SCENARIO), as_it_was)
    swept.swept_pairs(SCENARIO).unlink()
    assert _reach(swept) == (0.85, 0.85, 0.85)


def test_a_sweep_that_is_not_what_its_stage_left_is_refused(swept: Workspace) -> None:
    """Though its answers are what its measurements give."""
    rewrite(swept.sweep(SCENARIO), lambda found: found.update(base_scores={"motion_speed": 1.0}))
    _refused(swept, IntegrityError, "not what its stage left")

"""In which order a verb's tasks may go."""

from __future__ import annotations

import pytest

from slora_assets.defs.launch.one_run import Task
from slora_assets.defs.launch.verbs import VERBS
from slora_assets.defs.launch.waiting import Waiting

_TRAIN, _JUDGE = Task("train", None), Task("validate_unified", None)
_KITCHEN, _STREET = Task("train_scenarios", "kitchen"), Task("train_scenarios", "street")
_OF_KITCHEN, _OF_STREET = Task("validate", "kitchen"), Task("validate", "street")
_ALL = [_TRAIN, _KITCHEN, _STREET, _JUDGE, _OF_KITCHEN, _OF_STREET]


def _nothing(_task: Task) -> None:
    """Is left out."""


def test_a_run_is_judged_once_its_own_training_is_through_whatever_others_do() -> None:
    waiting = Waiting(_ALL, _nothing)
    assert [waiting.take(), waiting.take([_TRAIN])] == [_TRAIN, _KITCHEN]
    assert waiting.take([_TRAIN]) == _STREET
    assert waiting.take([_TRAIN, _STREET]) == _OF_KITCHEN
    assert waiting.take([_TRAIN, _STREET]) is None, "both that are left wait"
    assert waiting.take([_TRAIN]) == _OF_STREET
    assert waiting.take() == _JUDGE
    assert not waiting and waiting.take() is None


def test_one_after_the_other_is_the_order_that_is_written() -> None:
    waiting = Waiting(_ALL, _nothing)
    assert [waiting.take() for _ in _ALL] == _ALL


def test_what_is_left_out_is_told_when_its_turn_comes_and_holds_nobody_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained = set[str]()

    def why(task: Task) -> str | None:
        missing = task.job == "validate" and task.scenario not in trained
        return "not trained" if missing else "retired" if task == _STREET else None

    waiting = Waiting([_STREET, _KITCHEN, _OF_STREET, _OF_KITCHEN], why)
    assert waiting.take() == _KITCHEN
    trained.add("kitchen")
    assert waiting.take() == _OF_KITCHEN
    said = capsys.readouterr().out
    assert said == (
        "== train_scenarios street\n   retired, left out\n"
        "== validate street\n   not trained, left out\n"
    )


def test_what_has_to_be_through_stands_before_what_waits_for_it() -> None:
    """Else one after the other would judge what isn't trained yet."""
    (group,) = (group for group in VERBS["demo"] if "train" in group)
    waiting = Waiting([Task(job, None) for job in group], _nothing)
    assert [task.job for _ in group if (task := waiting.take())] == list(group)

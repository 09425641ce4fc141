"""An adapter that saw what was taken down is neither promoted nor served, whoever forgets it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slora_assets.config.errors import IntegrityError, TaintedError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import promote
from slora_assets.deployment.strengths import checked_promotion
from slora_assets.deployment.taint import taint_of
from slora_assets.documents import RUN_RECORD, Takedown, TakenClip
from slora_assets.provenance.takedowns import log_takedown
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import rewrite

FinishRun = Callable[..., str]
SCENARIO = "market_floor"
BYTES = "a" * 64


def saw(workspace: Workspace, *clips: tuple[str, str], dataset: str = "sample") -> None:
    """Have the scenario's run record these clips, of these bytes."""
    seen = [
        {"id": name, "sha256": sha256, "scenario": SCENARIO, "split": "train"}
        for name, sha256 in clips
    ]
    rewrite(
        workspace.scenario_run(SCENARIO) / RUN_RECORD,
        lambda record: record.update({"clips": seen, "dataset": dataset}),
    )
    put_run_on_record(workspace, SCENARIO)


def take(workspace: Workspace, *adapters: str, **clip: object) -> None:
    taken = TakenClip.model_validate({"id": "stall_1", "because": "it was named"} | clip)
    log_takedown(
        workspace,
        Takedown(
            asked="stall_1",
            by="Ada",
            reason="its owner asks",
            dataset="sample",
            clips=[taken],
            adapters=list(adapters),
        ),
    )


def served(workspace: Workspace) -> None:
    checked_promotion(workspace, SCENARIO, read_presets(workspace.presets).presets[SCENARIO])


@pytest.mark.parametrize("by", [{"id": "stall_1"}, {"id": "other", "sha256": BYTES}])
def test_a_promotion_is_refused_by_name_and_by_bytes_with_the_reason(
    workspace: Workspace, finish_run: FinishRun, by: dict[str, str]
) -> None:
    finish_run()
    saw(workspace, ("stall_1", BYTES))
    take(workspace, **by)
    with pytest.raises(TaintedError, match="has seen a clip that was taken down") as refused:
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert "its owner asks" in str(refused.value) and "stall_1" in str(refused.value)
    assert not workspace.changelog.exists()


@pytest.mark.parametrize(
    "clip", [("stall_2", BYTES), ("stall_1", BYTES)], ids=["another clip", "another dataset's"]
)
def test_adapters_that_never_saw_it_are_promoted(
    workspace: Workspace, finish_run: FinishRun, clip: tuple[str, str]
) -> None:
    sha256 = finish_run()
    saw(workspace, clip, dataset="sample" if clip[0] == "stall_2" else "other")
    take(workspace, sha256="b" * 64)
    promote(workspace, SCENARIO, "Zoë", "looks right")
    served(workspace)
    assert taint_of(workspace, sha256) is None


def test_a_registered_adapter_is_refused_when_its_run_has_long_been_trained_anew(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    old = finish_run()
    saw(workspace, ("stall_1", BYTES))
    promote(workspace, SCENARIO, "Zoë", "looks right")
    new = finish_run(content=b"weights without it")
    saw(workspace, ("stall_2", BYTES))
    served(workspace)
    take(workspace)
    with pytest.raises(TaintedError):
        served(workspace)
    assert taint_of(workspace, old) is not None
    promote(workspace, SCENARIO, "Zoë", "trained without it")
    served(workspace)
    assert taint_of(workspace, new) is None


def test_no_edited_or_deleted_record_clears_an_adapter(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    sha256 = finish_run()
    saw(workspace, ("stall_1", BYTES))
    promote(workspace, SCENARIO, "Zoë", "looks right")
    take(workspace, sha256)
    for record in (
        workspace.scenario_run(SCENARIO) / RUN_RECORD,
        workspace.registry / sha256 / RUN_RECORD,
    ):
        rewrite(record, lambda content: content.update({"clips": []}))
        with pytest.raises(TaintedError):
            served(workspace)
        record.unlink()
        with pytest.raises(TaintedError):
            served(workspace)


def test_an_adapter_without_any_record_is_refused_once_something_was_taken_down(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    sha256 = finish_run()
    promote(workspace, SCENARIO, "Zoë", "looks right")
    (workspace.registry / sha256 / RUN_RECORD).unlink()
    (workspace.scenario_run(SCENARIO) / RUN_RECORD).unlink()
    served(workspace)
    ahead = Takedown(asked="x", by="Ada", reason="asked", dataset="sample", sources=["x"])
    log_takedown(workspace, ahead)
    served(workspace)  # nothing that anybody has seen
    take(workspace)
    with pytest.raises(TaintedError, match="no run's record says"):
        served(workspace)


def test_a_damaged_list_lets_nothing_through(workspace: Workspace, finish_run: FinishRun) -> None:
    finish_run()
    promote(workspace, SCENARIO, "Zoë", "looks right")
    take(workspace)
    workspace.takedowns.unlink()
    with pytest.raises(IntegrityError, match="the list of takedowns was cut"):
        served(workspace)
    with pytest.raises(IntegrityError, match="the list of takedowns was cut"):
        promote(workspace, SCENARIO, "Zoë", "again")

"""An unfinished run goes on with what it was begun with, or says what differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from slora_assets.config.errors import IntegrityError, TrainingError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.training.plan import RunPlan, plan_run
from slora_assets.training.resume import BEGUN_WITH, Resumption, prepare_folder, read_begun


@pytest.fixture
def plan(workspace: Workspace, tmp_path: Path) -> Any:
    """Plans runs of `market_floor` with overrides of the recipe."""

    def planned(*overrides: str) -> RunPlan:
        settings = read_settings(workspace.training_config, TrainingSettings, overrides)
        prompts = read_validation_prompts(workspace.validation_prompts)
        return plan_run(workspace, settings, prompts, "market_floor", tmp_path / "run")

    return planned


def test_the_same_run_goes_on(plan: Any) -> None:
    prepare_folder(plan(), Resumption())
    assert prepare_folder(plan(), Resumption()).changes == ()


def test_every_key_that_differs_is_named_with_both_values(plan: Any) -> None:
    prepare_folder(plan(), Resumption())
    changed = plan("optimizer.learning_rate=2e-4", "epochs=7")
    with pytest.raises(TrainingError) as caught:
        prepare_folder(changed, Resumption())
    message = str(caught.value)
    assert "key 'epochs, optimizer.learning_rate'" in message
    assert "0.003" in message
    assert "0.0002" in message
    assert "--allow-changed" in message
    assert "--restart" in message


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("dataset", {"dataset_hash": "0" * 64}),
        ("prompts", {"prompts": ()}),
        ("seeds", {"seeds": (1, 2)}),
    ],
)
def test_other_clips_or_prompts_are_another_run(
    plan: Any, part: str, change: dict[str, Any]
) -> None:
    prepare_folder(plan(), Resumption())
    with pytest.raises(TrainingError, match=f"key '{part}'"):
        prepare_folder(dataclasses.replace(plan(), run_hash="other", **change), Resumption())


def test_another_base_is_named_by_the_part_that_differs(plan: Any) -> None:
    first = plan()
    prepare_folder(first, Resumption())
    parts = first.identity.parts | {"vae": "0" * 64}
    identity = first.identity.model_copy(update={"parts": parts})
    other = dataclasses.replace(first, run_hash="other", identity=identity)
    with pytest.raises(TrainingError, match=r"key 'base\.parts\.vae'"):
        prepare_folder(other, Resumption())


def test_an_allowed_change_is_kept_and_so_are_the_checkpoints(plan: Any) -> None:
    first = plan()
    prepare_folder(first, Resumption())
    (first.partial / "state" / "step_00000012_0").mkdir(parents=True)
    changed = plan("optimizer.learning_rate=2e-4")
    with pytest.raises(TrainingError, match=r"optimizer\.learning_rate"):
        prepare_folder(changed, Resumption(allow_changed=("epochs",)))
    begun = prepare_folder(changed, Resumption(allow_changed=("optimizer",)))
    assert begun.earlier_hashes == (first.run_hash,)
    assert begun.changes == (
        {"key": "optimizer.learning_rate", "before": 0.003, "after": 0.0002, "step": 12},
    )
    assert read_begun(changed) == begun
    assert prepare_folder(changed, Resumption()) == begun, "allowed once is enough"


def test_beginning_again_throws_the_unfinished_run_away(plan: Any) -> None:
    first = plan()
    prepare_folder(first, Resumption())
    (first.partial / "training_log.jsonl").write_text("{}\n")
    changed = plan("epochs=7")
    begun = prepare_folder(changed, Resumption(restart=True))
    assert begun.changes == ()
    assert sorted(path.name for path in changed.partial.iterdir()) == [BEGUN_WITH]


def test_a_folder_that_does_not_say_what_it_holds_is_not_gone_on_with(plan: Any) -> None:
    first = plan()
    prepare_folder(first, Resumption())
    (first.partial / BEGUN_WITH).write_text('{"run_hash": 1}')
    with pytest.raises(IntegrityError, match="--restart"):
        prepare_folder(first, Resumption())

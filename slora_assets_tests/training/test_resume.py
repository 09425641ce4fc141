"""An unfinished run goes on with what it was begun with, or says what differs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from slora_assets.config.errors import ConfigError, IntegrityError, NoRoomError, TrainingError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.training.loop.checkpoints import RunPosition, load_checkpoint, save_checkpoint
from slora_assets.training.plan import RunPlan, plan_run
from slora_assets.training.resume import Begun, Resumption, decide, write_down
from slora_assets_tests.full_disk import full_disk
from slora_assets_tests.workspaces import contents


@pytest.fixture
def plan(workspace: Workspace, tmp_path: Path) -> Any:
    """Plans runs of `market_floor` with overrides of the recipe."""

    def planned(*overrides: str) -> RunPlan:
        settings = read_settings(workspace.training_config, TrainingSettings, overrides)
        prompts = read_validation_prompts(workspace.validation_prompts)
        return plan_run(workspace, settings, prompts, "market_floor", tmp_path / "run")

    return planned


def begin(plan: RunPlan, resumption: Resumption | None = None) -> Begun:
    """As a run does: decide, and write it down."""
    begun = decide(plan, resumption or Resumption())
    write_down(plan, begun)
    return begun


def test_the_same_run_goes_on(plan: Any) -> None:
    begin(plan())
    assert begin(plan()).changes == ()


def test_every_key_that_differs_is_named_with_both_values(plan: Any) -> None:
    begin(plan())
    changed = plan("optimizer.learning_rate=2e-4", "epochs=7")
    with pytest.raises(TrainingError) as caught:
        begin(changed)
    message = str(caught.value)
    assert "key 'epochs, optimizer.learning_rate'" in message
    assert "0.003" in message
    assert "0.0002" in message
    assert "--allow-changed" in message
    assert "--restart" in message


@pytest.mark.parametrize(("step", "offered"), [(0, True), (12, False)])
def test_only_what_can_be_gone_on_with_is_offered_to_be_allowed(
    plan: Any, step: int, offered: bool
) -> None:
    first = plan()
    begin(first)
    if step:
        (first.folder.state / f"step_{step:08d}_0").mkdir(parents=True)
    with pytest.raises(TrainingError) as caught:
        begin(plan("lora.rank=8", "epochs=7"))
    both = "--allow-changed epochs --allow-changed lora.rank"
    assert (both in str(caught.value)) is offered
    assert "--restart" in str(caught.value)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("dataset", lambda plan: {"data": replace(plan.data, clips=plan.data.clips[1:])}),
        ("prompts", lambda plan: {"sampling": replace(plan.sampling, prompts=())}),
        ("seeds", lambda plan: {"sampling": replace(plan.sampling, seeds=(1, 2))}),
    ],
)
def test_other_clips_or_prompts_are_another_run(plan: Any, part: str, change: Any) -> None:
    first = plan()
    begin(first)
    with pytest.raises(TrainingError, match=f"key '{part}'"):
        begin(replace(first, **change(first)))


def test_another_base_is_named_by_the_part_that_differs(plan: Any) -> None:
    first = plan()
    begin(first)
    parts = first.identity.parts | {"vae": "0" * 64}
    other_base = copy.copy(first.base)
    other_base.identity = lambda: first.identity.model_copy(update={"parts": parts})
    with pytest.raises(TrainingError, match=r"key 'base\.parts\.vae'"):
        begin(replace(first, base=other_base))


def test_an_allowed_change_is_kept_and_so_are_the_checkpoints(plan: Any) -> None:
    first = plan()
    begin(first)
    (first.folder.partial / "state" / "step_00000012_0").mkdir(parents=True)
    changed = plan("optimizer.learning_rate=2e-4")
    with pytest.raises(TrainingError, match=r"optimizer\.learning_rate"):
        begin(changed, Resumption(allow_changed=("epochs",)))
    begun = begin(changed, Resumption(allow_changed=("optimizer",)))
    assert begun.earlier_hashes == (first.run_hash,)
    assert begun.changes == (
        {"key": "optimizer.learning_rate", "before": 0.003, "after": 0.0002, "step": 12},
    )
    assert begin(changed) == begun, "allowed once is enough"


def test_beginning_again_throws_the_unfinished_run_away(plan: Any) -> None:
    first = plan()
    begin(first)
    (first.folder.partial / "training_log.jsonl").write_text("{}\n")
    changed = plan("epochs=7")
    begun = begin(changed, Resumption(restart=True))
    assert begun.changes == ()
    assert sorted(path.name for path in changed.folder.partial.iterdir()) == ["begun_with.json"]


def test_a_folder_that_does_not_say_what_it_holds_is_not_gone_on_with(plan: Any) -> None:
    first = plan()
    begin(first)
    (first.folder.begun_with).write_text('{"run_hash": 1}')
    with pytest.raises(IntegrityError, match="--restart"):
        begin(first)


def test_deciding_writes_nothing_so_that_a_later_refusal_leaves_the_run_as_it_was(
    plan: Any,
) -> None:
    first = plan()
    begin(first)
    before = contents(first.folder.partial)
    begun = decide(plan("lora.rank=8"), Resumption(allow_changed=("lora.rank",)))
    assert [change["key"] for change in begun.changes] == ["lora.rank"]
    decide(plan("epochs=7"), Resumption(restart=True))
    assert contents(first.folder.partial) == before
    assert decide(first, Resumption()).changes == ()


@pytest.mark.parametrize("begun", [False, True])
def test_an_allowed_key_that_nothing_is_called_by_is_refused(plan: Any, begun: bool) -> None:
    run = plan()
    if begun:
        begin(run)
    with pytest.raises(ConfigError, match=r"did you mean 'lora\.rank'"):
        decide(run, Resumption(allow_changed=("lora.rnk",)))


@pytest.fixture
def trained() -> tuple[dict[str, torch.nn.Parameter], torch.optim.Optimizer]:
    parameter = torch.nn.Parameter(torch.ones(3))
    return {"a": parameter}, torch.optim.AdamW([parameter], fused=True)


def _saved(folder: Path, trained: Any, *steps: int) -> list[Path]:
    for step in steps:
        save_checkpoint(folder, "run", RunPosition(step=step), *trained, None)
    return sorted(folder.glob("step_*"), reverse=True)


def _without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _with(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


DAMAGES = [
    _without("state.json"),
    _without("state.safetensors"),
    _with("state.json", b"{"),
    _with("state.json", b"[]"),
    _with("state.json", b"\xff"),
    _with("state.json", b'{"run_hash": "run", "progress": {"steps": 1}, "scaler": null}'),
    _with("state.safetensors", b"torn"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_and_told(
    tmp_path: Path, trained: Any, damage: Callable[[Path], object]
) -> None:
    newest, _ = _saved(tmp_path, trained, 4, 8)
    damage(newest)
    found = load_checkpoint(tmp_path, {"run"}, *trained)
    assert found is not None and found.position.step == 4
    (told,) = found.passed_over
    assert told.startswith(newest.name) and "state." in told


@pytest.mark.parametrize("damage", DAMAGES)
def test_where_none_is_whole_nothing_begins_again_in_silence(
    tmp_path: Path, trained: Any, damage: Callable[[Path], object]
) -> None:
    folders = _saved(tmp_path, trained, 4, 8)
    for folder in folders:
        damage(folder)
    with pytest.raises(IntegrityError, match=r"state\.") as caught:
        load_checkpoint(tmp_path, {"run"}, *trained)
    for folder in folders:
        assert folder.name in str(caught.value.found)
    assert "--restart" in str(caught.value.remedy)


def test_a_checkpoint_that_finds_no_room_names_itself_and_leaves_the_ones_before(
    tmp_path: Path, trained: Any
) -> None:
    whole = _saved(tmp_path, trained, 4)
    with pytest.raises(NoRoomError, match=r"step_00000008_\d: file too large"), full_disk(100):
        _saved(tmp_path, trained, 8)
    assert list(tmp_path.iterdir()) == whole, "half of one would keep a full disk full"
    found = load_checkpoint(tmp_path, {"run"}, *trained)
    assert found is not None and found.position.step == 4


def test_checkpoints_of_another_run_are_told_as_such(tmp_path: Path, trained: Any) -> None:
    _saved(tmp_path, trained, 4)
    with pytest.raises(IntegrityError, match="of another run"):
        load_checkpoint(tmp_path, {"other"}, *trained)


def test_a_run_without_any_checkpoint_has_none_to_go_on_from(tmp_path: Path, trained: Any) -> None:
    assert load_checkpoint(tmp_path / "state", {"run"}, *trained) is None

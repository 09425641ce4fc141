"""The training command, driven as a user drives it: resume, pruning, records, refusals."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from slora_assets.base_models.seam import LoraShape
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.documents import ADAPTER_FILE
from slora_assets.processes.stopping import INTERRUPTED
from slora_assets.provenance.records import read_adapter_record, read_run_record
from slora_assets.training.between_epochs.metrics_log import MetricsLog
from slora_assets.training.loop.draws import epoch_order
from slora_assets.training.loop.samples import Samples
from slora_assets.training.plan import RunPlan, plan_run
from slora_assets.training.run import new_reader
from slora_assets_tests.caches.made import move_into_shards
from slora_assets_tests.training.commands import SCENARIO, begin, ended, train, typed
from slora_assets_tests.waiting import wait_for_end_of


def _plan(workspace: Workspace, run: Path) -> RunPlan:
    """The plan of a finished run."""
    settings = read_settings(run / "config.yaml", TrainingSettings)
    prompts = read_validation_prompts(workspace.validation_prompts)
    return plan_run(workspace, settings, prompts, run.name, run)


def _bytes(run: Path) -> dict[str, bytes]:
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and "state" not in path.relative_to(run).parts
    }


@pytest.fixture(scope="module")
def undisturbed(room: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small recipe with three epochs, by the command that a user types."""
    root = tmp_path_factory.mktemp("undisturbed")
    command = typed(room, root, "--set", "epochs=3")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return root / SCENARIO


def test_the_run_holds_what_the_contract_says(undisturbed: Path) -> None:
    record = read_run_record(undisturbed)
    lines = MetricsLog(undisturbed / "validation_metrics.jsonl").lines()
    assert [line["epoch"] for line in lines] == [0, 1, 2, 3]
    assert all(line["config_difference"]["repeats"] == 1 for line in lines)
    assert {line["scores_note"] for line in lines} == {None}
    best = max(lines[1:], key=lambda line: line["combined"])
    assert record.best.epoch == best["epoch"]
    kept = sorted(path.name for path in (undisturbed / "adapters").iterdir())
    assert kept == [f"epoch_{best['epoch']}"], "keep_top_k_adapters is 1"
    pruned = {item["epoch"] for line in lines[1:] for item in line["pruned"]}
    assert pruned == {1, 2, 3} - {best["epoch"]}
    for epoch in range(4):
        assert list((undisturbed / f"sample_epoch_{epoch}").glob("*.mp4"))


def test_the_header_says_what_the_adapter_is(undisturbed: Path) -> None:
    record = read_run_record(undisturbed)
    with safe_open(undisturbed / record.best.path / ADAPTER_FILE, framework="np") as file:
        header = file.metadata()
    assert header["slora.run_hash"] == record.run_hash
    assert json.loads(header["slora.metrics"])["combined"] == record.best.combined
    rank = json.loads(header["lora_adapter_metadata"])["transformer.r"]
    assert rank == TrainingSettings().lora.rank
    assert header["slora.base_licence"] == "Apache-2.0"


def test_curves_are_in_tensorboard_too(undisturbed: Path, room: Workspace) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(room.outputs / "tracking" / SCENARIO))
    events.Reload()
    lines = MetricsLog(undisturbed / "validation_metrics.jsonl").lines()
    shown = {event.step: event.value for event in events.Scalars("held_out_loss")}
    assert shown == {line["step"]: pytest.approx(line["held_out_loss"]) for line in lines}
    assert len(events.Scalars("train_loss")) >= lines[-1]["step"]


def test_the_loop_learns_what_a_plain_loop_learns(workspace: Workspace, undisturbed: Path) -> None:
    """Identical draws through forward, backward, clip, AdamW and nothing else."""
    plan = _plan(workspace, undisturbed)
    transformer = plan.base.load_transformer("cpu", "float32")
    plan.base.add_adapter(transformer, LoraShape.of(plan.settings.lora), 0)
    trainable = [p for p in transformer.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, betas=(0.9, 0.95), weight_decay=1e-4)
    samples = Samples(
        plan.data.train_clips(), new_reader(plan, workspace), plan.settings, pinned=False
    )
    losses, step = [], 0
    for epoch in (1, 2, 3):
        order = epoch_order(samples.clips, 1, 0, epoch)
        for start in range(0, samples.clips - 3, 4):
            batch, _ = samples.batch(step, range(4), order[start : start + 4])
            loss = plan.base.training_loss(transformer, batch).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trainable, 1.0)
            step += 1
            optimizer.param_groups[0]["lr"] = 3e-3 * min(1.0, step / 10)
            optimizer.step()
            losses.append(loss.item())
    log = (undisturbed / "training_log.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in log] == pytest.approx(losses, rel=1e-4)


def test_a_loss_that_is_no_number_ends_the_run_with_its_step_and_clips(
    workspace: Workspace, tmp_path: Path
) -> None:
    done = train(workspace, tmp_path, "--set", "optimizer.learning_rate=1e38", "--set", "repeats=3")
    assert done.status == 1
    assert re.search(r"step 2 gave a loss of (nan|inf).* on clips video\d+, video\d+", done.said)
    assert not (tmp_path / SCENARIO).exists()
    for state in (tmp_path / f".{SCENARIO}.partial" / "state").glob("*/state.json"):
        assert json.loads(state.read_text())["progress"]["step"] < 2


def test_an_allowed_change_stands_in_the_record(workspace: Workspace, tmp_path: Path) -> None:
    stopped = train(workspace, tmp_path, "--max-minutes", "0")
    assert stopped.status == 0, "it was asked for"
    assert "the same command goes on" in stopped.said
    changed = ("--set", "optimizer.learning_rate=2e-3")
    refused = train(workspace, tmp_path, *changed)
    assert refused.status == 1
    assert "optimizer.learning_rate" in refused.said
    done = train(workspace, tmp_path, *changed, "--allow-changed", "optimizer.learning_rate")
    assert done.status == 0, done.said
    (change,) = read_run_record(tmp_path / SCENARIO).changes
    assert (change["key"], change["before"], change["after"]) == (
        "optimizer.learning_rate",
        0.003,
        0.002,
    )


def test_training_lowers_the_held_out_loss(undisturbed: Path) -> None:
    lines = MetricsLog(undisturbed / "validation_metrics.jsonl").lines()
    assert lines[-1]["held_out_loss"] < lines[0]["held_out_loss"]


def test_the_adapter_proved_itself_and_a_changed_file_is_refused(
    undisturbed: Path, tmp_path: Path
) -> None:
    record = read_run_record(undisturbed)
    assert record.parity.effect > 0 >= record.parity.max_difference - record.parity.tolerance
    copy = tmp_path / "adapter"
    copy.mkdir()
    for file in (undisturbed / record.best.path).iterdir():
        data = bytearray(file.read_bytes())
        if file.suffix == ".safetensors":
            data[-1] ^= 1
        (copy / file.name).write_bytes(data)
    with pytest.raises(IntegrityError, match="not the recorded one"):
        read_adapter_record(copy)


@pytest.mark.parametrize(
    ("number", "shards"),
    [
        pytest.param(signal.SIGKILL, True, id="killed, read from shards"),
        pytest.param(signal.SIGTERM, False, id="asked, read from files"),
    ],
)
def test_a_stopped_run_goes_on_to_the_same_bytes(
    workspace: Workspace, undisturbed: Path, tmp_path: Path, number: signal.Signals, shards: bool
) -> None:
    """Of the run that nobody stopped, which read its latents from files."""
    if shards:
        move_into_shards(workspace, SCENARIO)
    root = tmp_path / "runs"
    more = ("--set", "epochs=3")
    begun = begin(workspace, root, *more)
    for line in begun.output:
        if b"epoch 2 loss" in line:
            os.kill(begun.pid, number)
            break
    assert ended(begun).status in (-signal.SIGKILL, INTERRUPTED)
    assert not (root / SCENARIO).exists(), "an unfinished run is not in place"
    done = train(workspace, root, *more)
    assert done.status == 0, done.said
    assert "going on after step" in done.said
    assert _bytes(root / SCENARIO) == _bytes(undisturbed)


def test_a_finished_run_is_not_trained_again(workspace: Workspace, undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")}
    done = train(workspace, undisturbed.parent, "--set", "epochs=3")
    assert done.status == 0
    assert "nothing to do" in done.said
    assert before == {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")}


def test_a_missing_cache_file_is_named_before_anything_is_loaded(
    workspace: Workspace, tmp_path: Path
) -> None:
    from slora_assets.curation.manifest import write_manifest

    clip = next(c for c in write_manifest(workspace, SCENARIO).clips if c.split == "train")
    (workspace.root / clip.latent).unlink()
    done = train(workspace, tmp_path)
    assert done.status == 1
    assert f"{clip.id}.npz" in done.said
    assert "make preprocess" in done.said


def test_a_worker_whose_parent_dies_stops_and_frees_the_lock(
    workspace: Workspace, tmp_path: Path
) -> None:
    import psutil

    command = json.dumps(typed(workspace, tmp_path, "--set", "epochs=5000"))
    launcher = f"import json, subprocess; subprocess.run(json.loads({command!r}))"
    parent = subprocess.Popen([sys.executable, "-c", launcher], stderr=subprocess.PIPE, text=True)
    assert parent.stderr is not None
    for line in parent.stderr:
        if "step 1/" in line:
            break
    (trainer,) = psutil.Process(parent.pid).children()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for_end_of(trainer)


def test_metrics_of_an_unknown_run_are_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="make train"):
        read_run_record(tmp_path)


def test_a_second_trainer_waits_until_the_accelerator_is_free(
    workspace: Workspace, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    with workspace.gpu_lock.open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = begin(workspace, runs, "--set", "epochs=1")
        assert b"waiting for the accelerator" in second.output.readline()
        assert not runs.exists(), "nothing is trained while it waits"
        fcntl.flock(held, fcntl.LOCK_UN)
    done = ended(second)
    assert done.status == 0, done.said

"""Several processes learn what one learns; where they share the blocks, in a part of the room."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from pydantic import ValidationError
from safetensors.torch import load_file

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.config.errors import ConfigError
from slora_assets.config.training import LeverSettings
from slora_assets.config.workspace import Workspace
from slora_assets.documents import ADAPTER_FILE
from slora_assets.processes.starting import can_fork
from slora_assets.provenance.records import read_run_record
from slora_assets.training.between_epochs.metrics_log import MetricsLog
from slora_assets.training.speed.blocks import blocks_of
from slora_assets.training.speed.launched import overrides_of_launch
from slora_assets.training.speed.levers import apply_levers
from slora_assets.training.speed.sharding import check_processes
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.training.adapted import loss_and_gradients, with_adapter
from slora_assets_tests.training.commands import SCENARIO, train, typed

TOLERANCE = 1e-6
"""Of losses near 1, scores up to 1 and weights up to 0.1: gathered weights are the same bits."""


def _frozen_in_blocks(transformer: Any) -> list[torch.Tensor]:
    return [p for b in blocks_of(transformer) for p in b.parameters() if not p.requires_grad]


def _alive_bytes() -> int:
    """Bytes behind all tensors that this process holds."""
    storages = {}
    for found in gc.get_objects():
        if isinstance(found, torch.Tensor):
            local: Any = found.to_local() if hasattr(found, "to_local") else found
            if local.device.type == "cpu":
                storage = local.untyped_storage()
                storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def _one_of_two(rank: int, folder: Path) -> None:
    """A process that makes two passes through a shared base and writes down what it saw."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    base = open_base(MINIATURE, folder / f"models_{rank}")
    transformer = with_adapter(base)
    whole = sum(p.nbytes for p in _frozen_in_blocks(transformer))
    alive = _alive_bytes()
    plain_loss, plain = loss_and_gradients(base, transformer)
    transformer.zero_grad()
    apply_levers(transformer, LeverSettings(shard_blocks=True), "cpu")
    seen: dict[str, Any] = {"whole": whole, "same": []}
    for checkpointing in (False, True):
        if checkpointing:
            transformer.enable_gradient_checkpointing()
        loss, gradients = loss_and_gradients(base, transformer)
        transformer.zero_grad()
        seen["same"].append(loss == plain_loss and torch.equal(gradients, plain))
    del plain, gradients
    gc.collect()
    shares: list[Any] = _frozen_in_blocks(transformer)
    seen["held"] = sum(p.to_local().untyped_storage().nbytes() for p in shares)
    seen["freed"] = alive - _alive_bytes()
    seen["adapter_is_whole"] = all(
        not hasattr(p, "to_local") for p in transformer.parameters() if p.requires_grad
    )
    (folder / f"{rank}.json").write_text(json.dumps(seen))
    dist.destroy_process_group()


@pytest.mark.slow
def test_between_passes_a_process_holds_half_of_the_frozen_weights(tmp_path: Path) -> None:
    mp.start_processes(
        _one_of_two, (tmp_path,), nprocs=2, start_method="forkserver" if can_fork() else "spawn"
    )
    for rank in range(2):
        seen = json.loads((tmp_path / f"{rank}.json").read_text())
        assert seen["same"] == [True, True], "loss and gradients, without and with checkpointing"
        assert seen["adapter_is_whole"]
        assert seen["held"] == pytest.approx(seen["whole"] / 2, rel=0.01)
        assert seen["freed"] > 0.49 * seen["whole"], "and nothing else keeps them"


_RECIPE = ("--tracker", "none", "--set", "epochs=1", "--set", "repeats=4")


def _launched(file: str, *options: str) -> list[str]:
    """The launcher, with a file that is shipped."""
    shipped = PROJECT / "configs" / "accelerate" / file
    return [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        str(shipped),
        *options,
    ]


def _train_two(workspace: Workspace, root: Path, *launchers: list[str]) -> Path:
    """The run of two processes that take half of each batch, however many launchers start them."""
    _, *command = typed(workspace, root, *_RECIPE, "--set", "batch_size=2")
    running = [
        subprocess.Popen([*launcher, *command], stdout=log, stderr=subprocess.STDOUT)
        for number, launcher in enumerate(launchers)
        for log in [(root / f"launcher_{number}.txt").open("wb")]
    ]
    try:
        ended = [one.wait(1800) for one in running]
    finally:
        for one in running:
            one.terminate()
    assert ended == [0] * len(running), (root / "launcher_0.txt").read_text()[-3000:]
    return root / SCENARIO


@pytest.fixture(scope="module")
def whole(room: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of two processes that hold the whole base each, on two machines: they know of each
    other what two_machines.yaml says, and meet at an address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    meeting = ("--main_process_ip", "127.0.0.1", "--main_process_port", port)
    machines = [_launched("two_machines.yaml", "--machine_rank", rank, *meeting) for rank in "01"]
    return _train_two(room, tmp_path_factory.mktemp("whole"), *machines)


def _logged(run: Path, name: str) -> list[Any]:
    lines = (run / "training_log.jsonl").read_text().splitlines()
    return [json.loads(line)[name] for line in lines]


def _measured(run: Path, name: str) -> list[Any]:
    return [line[name] for line in MetricsLog(run / "validation_metrics.jsonl").lines()]


@pytest.mark.slow
def test_two_processes_of_half_the_batch_learn_what_one_learns(
    room: Workspace, whole: Path, tmp_path: Path
) -> None:
    """Not byte for byte: sums over processes are rounded in another order."""
    done = train(room, tmp_path, *_RECIPE, "--set", "batch_size=4")
    assert done.status == 0, done.said
    one = tmp_path / SCENARIO
    assert _measured(one, "held_out_loss")[-1] < _measured(one, "held_out_loss")[0]
    assert _measured(whole, "held_out_loss") == pytest.approx(
        _measured(one, "held_out_loss"), abs=1e-5
    )
    assert len(_logged(one, "loss")) > 2
    assert _logged(whole, "loss") == pytest.approx(_logged(one, "loss"), abs=1e-5)


@pytest.mark.slow
def test_two_that_share_the_blocks_learn_what_two_with_whole_ones_learn(
    room: Workspace, whole: Path, tmp_path: Path
) -> None:
    shared = _train_two(room, tmp_path, _launched("two_gpus_fsdp.yaml"))
    for name in ("loss", "grad_norm"):
        assert _logged(shared, name) == pytest.approx(_logged(whole, name), abs=TOLERANCE)
    for name in ("held_out_loss", "temporal_consistency", "clip_similarity"):
        assert _measured(shared, name) == pytest.approx(_measured(whole, name), abs=TOLERANCE)
    records = [read_run_record(run) for run in (whole, shared)]
    files = [
        load_file(run / record.best.path / ADAPTER_FILE)
        for run, record in zip((whole, shared), records, strict=True)
    ]
    torch.testing.assert_close(files[1], files[0], rtol=0, atol=TOLERANCE)
    proofs = [record.parity for record in records]
    assert proofs[1].max_difference <= TOLERANCE
    assert proofs[1].effect == pytest.approx(proofs[0].effect, rel=1e-3)


def test_a_launch_file_that_says_fsdp_shares_the_blocks_and_nothing_else() -> None:
    plain = {"WORLD_SIZE": "2", "FSDP_OFFLOAD_PARAMS": "true"}
    assert overrides_of_launch(plain) == []
    asked = {"ACCELERATE_USE_FSDP": "true", "FSDP_RESHARD_AFTER_FORWARD": "true"}
    assert overrides_of_launch(asked) == ["levers.shard_blocks=true"]
    assert "ACCELERATE_USE_FSDP" not in asked, "accelerate would wrap the adapter as well"
    with pytest.raises(ConfigError, match=r"fsdp_config\.fsdp_offload_params"):
        overrides_of_launch(plain | {"ACCELERATE_USE_FSDP": "true"})


def test_one_process_has_nobody_to_share_with() -> None:
    with pytest.raises(ConfigError, match=r"levers\.shard_blocks.*num_processes 2"):
        check_processes(LeverSettings(shard_blocks=True), 1)
    check_processes(LeverSettings(shard_blocks=True), 2)
    check_processes(LeverSettings(), 1)


@pytest.mark.parametrize(
    "other", [{"quantize": "int8"}, {"offload_blocks": 1}, {"compile_blocks": True}]
)
def test_levers_that_do_not_work_on_shared_blocks_are_named(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=rf"shard_blocks.*levers\.{next(iter(other))}"):
        LeverSettings(shard_blocks=True, **other)


_ONE = ["--num_processes", "1", "--num_machines", "1", "--mixed_precision", "no"]
_LAUNCHERS = {
    "accelerate": [sys.executable, "-m", "accelerate.commands.launch", *_ONE],
    "two processes": _launched("two_gpus.yaml"),
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", _LAUNCHERS)
def test_a_stop_that_the_command_asked_for_is_no_failure_to_the_launcher(
    workspace: Workspace, tmp_path: Path, launcher: str
) -> None:
    command = typed(workspace, tmp_path / "runs", "--max-minutes", "0", "--tracker", "none")
    done = subprocess.run(
        [*_LAUNCHERS[launcher], *command[1:]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "stopped after 0 minutes as asked" in done.stderr
    assert "the same command goes on from there" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "runs" / f".{SCENARIO}.partial" / "state").glob("step_*"))

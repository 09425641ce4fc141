"""Blocks whose frozen weights are spread over the processes: `levers.shard_blocks`.

The adapter stays whole in each process. A pass through a sharded base needs every process in it.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from slora_assets.base_models.parts import Denoiser, Predictor
from slora_assets.config.errors import ConfigError
from slora_assets.config.training import LeverSettings
from slora_assets.training.accelerator import TrainingAccelerator
from slora_assets.training.speed.blocks import blocks_of

if TYPE_CHECKING:
    import torch


def check_processes(levers: LeverSettings, processes: int) -> None:
    """Raise ConfigError where blocks are to be shared and there is nobody to share them with."""
    if levers.shard_blocks and processes == 1:
        raise ConfigError(
            "one process has nobody to share the blocks with",
            key="levers.shard_blocks",
            found="true in 1 process",
            expected="at least 2 processes",
            remedy="launch several (`accelerate launch --num_processes 2`, on a CPU `torchrun"
            " --nproc_per_node 2`), or set levers.shard_blocks=false; levers.offload_blocks is what"
            " saves memory in one",
        )


def shard_blocks(transformer: Denoiser, device: str) -> None:
    """Leave each process its share of the blocks' frozen weights, all on `device`, in place.

    `transformer` may lie on the host, where the whole base fits when it doesn't fit the device:
    its blocks come over one by one. Every process calls this with equal weights.
    """
    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.fsdp import fully_shard

    blocks = blocks_of(transformer)
    shared = {p for b in blocks for p in b.parameters() if not p.requires_grad}
    whole = {p for p in transformer.parameters() if p not in shared}
    for tensor in (*whole, *transformer.buffers()):
        tensor.data = tensor.data.to(device)
    group = dist.group.WORLD
    assert group is not None, "check_processes lets nobody pass who is alone"
    mesh = DeviceMesh.from_group(group, torch.device(device).type)
    for block in blocks:
        fully_shard(block, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
    assert isinstance(transformer, nn.Module), "every denoiser is one"
    # The root holds no shares: it is what lets a block's weights be fetched during the one before.
    fully_shard(transformer, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
    # Said of the denoiser's output, which no loss and no pipeline here changes in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")


def prepare_sharded(
    accelerator: TrainingAccelerator, transformer: Denoiser, optimizer: torch.optim.Optimizer
) -> tuple[Predictor, torch.optim.Optimizer]:
    """What `accelerator.prepare` does, for a sharded transformer: gradients of the adapter are
    averaged over the processes. On GPUs accelerate refuses to, for it can't know that all shared
    weights are frozen."""
    from torch.nn.parallel import DistributedDataParallel

    prepared = accelerator.prepare_model(transformer, device_placement=False, evaluation_mode=True)
    # Shares are unequal on purpose; adapters are equal by their seed.
    model = DistributedDataParallel(prepared, init_sync=False)
    return model, accelerator.prepare_optimizer(optimizer)


def held_bytes(parameter: torch.Tensor) -> int:
    """Bytes of a parameter that this process holds."""
    local = getattr(parameter, "to_local", None)
    return int((local() if local else parameter).nbytes)

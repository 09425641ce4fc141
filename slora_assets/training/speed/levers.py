"""Levers trade speed for memory, or memory for speed: blocks rounded, offloaded, compiled, shared.

Each works on the blocks of any diffusers transformer and leaves the adapter's tensors as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

from slora_assets.base_models.parts import Denoiser
from slora_assets.config.errors import MissingInputError, TrainingError
from slora_assets.config.training import LeverSettings
from slora_assets.training.speed.blocks import blocks_of
from slora_assets.training.speed.sharding import shard_blocks

if TYPE_CHECKING:
    from torch import nn


def apply_levers(transformer: Denoiser, levers: LeverSettings, device: str) -> None:
    """Apply the levers that are set, to a transformer that has its adapter already.

    Raises MissingInputError when a library is not installed, TrainingError for more blocks to
    offload than there are.
    """
    if levers.quantize != "none":
        quantize(transformer, levers.quantize)
    if levers.offload_blocks:
        _offload(transformer, levers.offload_blocks, device)
    if levers.compile_blocks:
        for block in blocks_of(transformer):
            block.compile()
    if levers.shard_blocks:
        shard_blocks(transformer, device)


def quantize(transformer: Denoiser, kind: str) -> None:
    """Round the frozen linear layers of the blocks to `int8`, `fp8` or `nf4`, in place."""
    for block in blocks_of(transformer):
        if kind == "nf4":
            _to_nf4(block)
        else:
            _to_one_byte(block, kind)


def _to_one_byte(block: nn.Module, kind: str) -> None:
    try:
        from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, quantize_
    except ImportError as error:
        raise _not_installed("torchao", kind) from error
    config = Int8WeightOnlyConfig() if kind == "int8" else Float8WeightOnlyConfig()
    quantize_(block, config, filter_fn=lambda module, _name: _can_be_scaled(module, kind))
    for parameter in block.parameters():
        if not parameter.dtype.is_floating_point:
            parameter.requires_grad_(False)


def _to_nf4(block: nn.Module) -> None:
    try:
        import bitsandbytes as bnb
    except ImportError as error:
        raise _not_installed("bitsandbytes", "nf4") from error
    for parent, name, linear in list(_frozen_linears(block)):
        rounded = bnb.nn.Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=linear.bias is not None,
            compute_dtype=linear.weight.dtype,
            quant_type="nf4",
            device="meta",
        )
        rounded.weight = bnb.nn.Params4bit(linear.weight.data, False, quant_type="nf4")
        rounded.bias = linear.bias
        # The move is what rounds.
        setattr(parent, name, rounded.to(linear.weight.device))


def _frozen_linears(block: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    for parent in block.modules():
        for name, child in parent.named_children():
            if _is_frozen_linear(child):
                yield parent, name, child


def _is_frozen_linear(module: nn.Module) -> TypeGuard[nn.Linear]:
    from torch import nn

    return type(module) is nn.Linear and not module.weight.requires_grad


def _can_be_scaled(module: nn.Module, kind: str) -> bool:
    """torchao 0.18 makes NaN of a float8 row that is all zero: such a layer stays as it is."""
    if not _is_frozen_linear(module):
        return False
    return kind != "fp8" or bool((module.weight.abs().amax(dim=1) > 0).all())


def _not_installed(package: str, kind: str) -> MissingInputError:
    return MissingInputError(
        f"{package} is not installed",
        key="levers.quantize",
        found=kind,
        remedy="pip install 'slora[levers]'",
    )


def _offload(transformer: Denoiser, count: int, device: str) -> None:
    """Keep the frozen weights of the last `count` blocks in the host's memory."""
    blocks = blocks_of(transformer)
    if count > len(blocks):
        raise TrainingError(
            "the base has fewer blocks than that",
            key="levers.offload_blocks",
            found=count,
            expected=f"at most {len(blocks)}",
        )
    for block in blocks[-count:]:
        _keep_on_host(block, device)


def _keep_on_host(block: nn.Module, device: str) -> None:
    """Copy the block's frozen weights to `device` inside a checkpointed forward.

    The copies live as long as the pass that needs them: the checkpoint keeps none of them, and its
    recomputation in the backward pass makes them again. Hooks that move a module's weights back
    after its forward can't do this: the backward pass would find them gone.
    """
    import torch
    from torch.func import functional_call
    from torch.utils.checkpoint import checkpoint

    frozen = {n: p for n, p in block.named_parameters() if not p.requires_grad}
    for parameter in frozen.values():
        host = parameter.data.to("cpu")
        # Pinned memory is what lets a copy run beside the computation.
        parameter.data = host.pin_memory() if torch.device(device).type == "cuda" else host
    plain = block.forward
    inside = [False]

    def with_copies(*arguments: object, **named: object) -> object:
        copies = {n: p.to(device, non_blocking=True) for n, p in frozen.items()}
        inside[0] = True
        try:
            return functional_call(block, copies, arguments, named)
        finally:
            inside[0] = False

    # Any: to a type checker they might be options of torch's `checkpoint`.
    def forward(*arguments: object, **named: Any) -> object:
        if inside[0]:
            return plain(*arguments, **named)
        if not torch.is_grad_enabled():
            return with_copies(*arguments, **named)
        return checkpoint(with_copies, *arguments, use_reentrant=False, **named)

    block.forward = forward

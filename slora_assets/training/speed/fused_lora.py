"""LoRA layers as one autograd function each, for the training pass.

PEFT computes `W x + b + scale * B A x` as five operations that autograd records one by one: the
scaling and the sum are passes of their own over an activation [tokens, width], forward and
backward, and under autocast the activation is copied to fp32 on its way to the fp32 adapter. Here
both products are added into the frozen layer's output, and into its input's gradient, in place, in
the base's type. The order of the products is that of RunLoRA (https://arxiv.org/abs/2312.03415)
for ranks far below the width. Results equal PEFT's to rounding; `benchmarks/training_step.py` times
both.

Validation, export and inference stay PEFT's: only a pass that is to be differentiated comes here.
"""

from __future__ import annotations

from typing import Protocol

import torch
from peft.tuners.lora import Linear as PeftLinear
from torch import Tensor, nn

from slora_assets.base_models.parts import Denoiser
from slora_assets.base_models.seam import ADAPTER_NAME


def fuse_adapter(transformer: Denoiser) -> int:
    """Let the adapted plain linear layers of `transformer` use the fused pass while it trains.

    Call it before the blocks are shared: a shared weight is whole in its block's passes only.
    Returns how many layers it changed; any whose frozen weight isn't a plain one stays PEFT's.
    """
    fused = 0
    for layer in transformer.modules():
        if type(layer) is PeftLinear and _is_plain(layer):
            layer.__class__ = _FusedLinear
            fused += 1
    return fused


def _is_plain(layer: PeftLinear) -> bool:
    base = layer.get_base_layer()
    return type(base) is nn.Linear and type(base.weight) is nn.Parameter


class _FusedLinear(PeftLinear):  # type: ignore[misc]  # PEFT is not typed
    """PEFT's layer, but for passes in training mode with nothing but our adapter in effect."""

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        result: Tensor
        if not self.training or not torch.is_grad_enabled() or self.disable_adapters or self.merged:
            result = super().forward(x, *args, **kwargs)
            return result
        base = self.get_base_layer()
        result = _LowRankLinear.apply(
            x.to(base.weight.dtype),
            base.weight,
            base.bias,
            self.lora_A[ADAPTER_NAME].weight,
            self.lora_B[ADAPTER_NAME].weight,
            self.scaling[ADAPTER_NAME],
        )
        return result


class _Context(Protocol):
    """What torch carries from a forward pass to its backward pass."""

    scale: float
    adapter_type: torch.dtype
    needs_input_grad: tuple[bool, ...]

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _LowRankLinear(torch.autograd.Function):
    """`x W^T + b + scale * (x A^T) B^T` for x [..., in], W [out, in] frozen, A [rank, in] and
    B [out, rank] trained, of any floating type."""

    @staticmethod
    def forward(
        ctx: _Context,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        narrow_down, narrow_up = down.to(rows.dtype), up.to(rows.dtype)
        inner = rows @ narrow_down.t()
        if scale != 1:
            inner *= scale
        result = rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())
        result.addmm_(inner, narrow_up.t())
        ctx.save_for_backward(rows, weight, narrow_down, narrow_up, inner)
        ctx.scale, ctx.adapter_type = scale, down.dtype
        return result.view(*x.shape[:-1], result.shape[-1])

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, down, up, inner = ctx.saved_tensors
        (output,) = gradients
        output = output.reshape(-1, output.shape[-1])
        of_inner = output @ up
        if ctx.scale != 1:
            of_inner *= ctx.scale
        of_down, of_up = of_inner.t() @ rows, output.t() @ inner
        of_input = None
        if ctx.needs_input_grad[0]:
            of_input = (output @ weight).addmm_(of_inner, down)
            of_input = of_input.view(*gradients[0].shape[:-1], rows.shape[-1])
        return of_input, None, None, of_down.to(ctx.adapter_type), of_up.to(ctx.adapter_type), None

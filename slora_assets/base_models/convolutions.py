"""A VAE's three-dimensional convolutions on a CPU, by oneDNN for one clip as for several.

torch leaves a convolution of one small input to its own loops, a rule that was measured on images
(`aten/src/ATen/native/Convolution.cpp` `use_mkldnn`, pytorch/pytorch#40610): a batch of two takes
oneDNN, a batch of one takes four times as long. Asking for oneDNN by name gives one clip the speed
and the bits that it has in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from slora_assets.base_models.parts import Vae

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class OneDnnConvolutions(TorchFunctionMode):
    """Inside it this thread's convolutions in three dimensions use oneDNN, where nothing is to be
    differentiated.

    That is in fp32 on a CPU alone. Kernels of one pixel stay torch's: they are a matrix product,
    which it computes no slower.
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        if func is torch.conv3d and not kwargs and len(args) == 7 and _gains(*args[:2], args[4]):
            clip, weight, bias, stride, padding, dilation, groups = args
            return torch.ops.aten.mkldnn_convolution(
                clip.contiguous(), weight.contiguous(), bias, padding, stride, dilation, groups
            )
        return func(*args, **(kwargs or {}))


def prefer_onednn(vae: Vae) -> None:
    """Have the encoding and decoding of `vae` use oneDNN, in place."""
    if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch leaves it bare
        vae.encode, vae.decode = _with_onednn(vae.encode), _with_onednn(vae.decode)


def _gains(clip: Tensor, weight: Tensor, padding: object) -> bool:
    wide = tuple(weight.shape[-2:]) != (1, 1) and not isinstance(padding, str)
    on_cpu = clip.device.type == "cpu" and clip.dtype == torch.float32
    return wide and on_cpu and not torch.is_grad_enabled()


def _with_onednn(run: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    @wraps(run)
    def inside(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        with OneDnnConvolutions():
            return run(*arguments, **named)

    return inside

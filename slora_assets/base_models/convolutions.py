"""A VAE's three-dimensional convolutions on a CPU, by oneDNN for one clip as for several.

torch leaves a convolution of one small input to its own loops, a rule that was measured on images
(`aten/src/ATen/native/Convolution.cpp` `use_mkldnn`, pytorch/pytorch#40610): a batch of two takes
oneDNN, a batch of one takes four times as long. Asking for oneDNN by name gives one clip the speed
and the bits that it has in a batch.
"""

from __future__ import annotations

from functools import partial
from typing import Any


def prefer_onednn(vae: Any) -> None:
    """Have the convolutions of `vae` use oneDNN where nothing is to be differentiated, in place.

    Changes passes in fp32 on a CPU alone. Kernels of one pixel stay torch's: they are a matrix
    product, which it computes no slower.
    """
    import torch

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch leaves it bare
        return
    for layer in vae.modules():
        if isinstance(layer, torch.nn.Conv3d) and _is_wide(layer):
            # Of this layer alone: its class is the model's own, and each model has another.
            layer._conv_forward = partial(_convolve, layer)  # type: ignore[method-assign]


def _is_wide(layer: Any) -> bool:
    return bool(layer.kernel_size[1:] != (1, 1) and layer.padding_mode == "zeros")


def _convolve(layer: Any, clip: Any, weight: Any, bias: Any) -> Any:
    import torch

    on_cpu = clip.device.type == "cpu" and clip.dtype == torch.float32
    if not on_cpu or torch.is_grad_enabled() or isinstance(layer.padding, str):
        return type(layer)._conv_forward(layer, clip, weight, bias)
    return torch.ops.aten.mkldnn_convolution(
        clip.contiguous(),
        weight.contiguous(),
        bias,
        layer.padding,
        layer.stride,
        layer.dilation,
        layer.groups,
    )

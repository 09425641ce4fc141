"""A text encoder that keeps its weights as the checkpoint has them and computes in fp32.

A 16-bit checkpoint loaded as fp32 holds the same numbers in twice the memory, and the text encoder
is the largest part of most bases (4.8 of CogVideoX-2b's 6.7 B parameters). Casting each layer up
for its own pass gives the same embeddings, bit for bit.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slora_assets.base_models.weights import read_safetensors_header

if TYPE_CHECKING:
    from torch import nn

_TORCH_NAMES: Final = {"F16": "float16", "BF16": "bfloat16"}
_KEPT_WIDE: Final = r"\bwo$"
"""T5 casts what comes into this layer to the type of the layer's weights."""


def stored_dtype(part: Path) -> str:
    """Torch's name of the one 16-bit type that all weights of a part are stored in, or `float32`.

    Raises IntegrityError for a file that is no safetensors file.
    """
    types: set[str] = set()
    for file in part.glob("*.safetensors"):
        header = read_safetensors_header(file)
        types |= {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
    return _TORCH_NAMES.get(types.pop(), "float32") if len(types) == 1 else "float32"


def compute_in_float32(encoder: nn.Module, stored: str) -> None:
    """Have a module that was loaded as `stored` compute in fp32, a layer at a time.

    Its linear layers keep their type; whatever else holds weights (embeddings, norms) is small and
    is cast for good.
    """
    import torch
    from diffusers.hooks import apply_layerwise_casting

    for name, module in encoder.named_modules():
        if not isinstance(module, torch.nn.Linear) or re.search(_KEPT_WIDE, name):
            for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                if tensor.is_floating_point():
                    tensor.data = tensor.data.float()
    apply_layerwise_casting(
        encoder,
        storage_dtype=getattr(torch, stored),
        compute_dtype=torch.float32,
        skip_modules_pattern=(_KEPT_WIDE,),
        skip_modules_classes=(torch.nn.Embedding,),
    )

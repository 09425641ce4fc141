"""The proof at load time that an adapter acts: diffusers loads wrong ones without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slora_assets.base_models.parts import Denoiser
from slora_assets.config.errors import GateError
from slora_assets.documents import AdapterRecord

if TYPE_CHECKING:
    import torch

_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_REMEDY = "train the adapter again"


def check_effect(content: bytes) -> set[str]:
    """The tensor names of an adapter file, after checking that it would change the base.

    Raises GateError when it holds no pair of factors, a value that is no finite number, or
    only factors whose product is zero.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
    except (SafetensorError, ValueError) as error:
        raise GateError("the adapter is no whole safetensors file", remedy=_REMEDY) from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise GateError("the adapter holds NaN or infinity", remedy=_REMEDY)
    if not any(_acts(tensors, name) for name in tensors if name.endswith(_DOWN)):
        raise GateError("the adapter would change nothing", remedy=_REMEDY)
    return set(tensors)


def check_loaded(
    transformer: Denoiser, name: str, tensors: set[str], record: AdapterRecord
) -> None:
    """Compare what the pipeline holds with the file: every tensor, the rank and alpha.

    Raises GateError.
    """
    from peft.utils import get_peft_model_state_dict

    loaded = get_peft_model_state_dict(transformer, adapter_name=name)
    config = transformer.peft_config[name]
    facts = {
        "tensors": (sorted(f"transformer.{key}" for key in loaded), sorted(tensors)),
        "rank": (config.r, record.rank),
        "alpha": (float(config.lora_alpha), record.alpha),
    }
    for key, (found, expected) in facts.items():
        if found != expected:
            raise GateError(
                "the adapter was not loaded as it was trained",
                key=key,
                found=found,
                expected=str(expected),
                remedy=_REMEDY,
            )


def _acts(tensors: dict[str, torch.Tensor], down: str) -> bool:
    up = tensors.get(down.removesuffix(_DOWN) + _UP)
    if up is None or up.ndim != 2 or tensors[down].ndim != 2:
        return False
    return up.shape[1] == tensors[down].shape[0] and bool((up @ tensors[down]).any())

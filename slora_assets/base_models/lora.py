"""LoRA adapters of any diffusers denoiser: added by PEFT, written and read as diffusers does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from slora_assets.base_models.adapter_header import LORA_METADATA, PREFIX, said_alphas
from slora_assets.base_models.parts import Denoiser, Pipeline
from slora_assets.base_models.seam import ADAPTER_NAME, LoraShape
from slora_assets.base_models.weights import (
    TensorEntry,
    canonical_safetensors,
    read_safetensors_header,
)
from slora_assets.config.errors import IntegrityError, TrainingError
from slora_assets.provenance import replacing

_DOWN: Final = ".lora_A.weight"


def add_adapter(transformer: Denoiser, shape: LoraShape, seed: int, known: Sequence[str]) -> None:
    """Add a fresh fp32 adapter to a frozen denoiser, initialised from `seed`.

    Raises TrainingError for names in `shape` that are no layer's, one among others too: PEFT would
    leave it out in silence. `known` are names that exist.
    """
    import torch
    from peft import LoraConfig

    _refuse_unknown(transformer, shape.targets, known)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformer.add_adapter(
            LoraConfig(r=shape.rank, lora_alpha=shape.alpha, target_modules=list(shape.targets)),
            adapter_name=ADAPTER_NAME,
        )
    for parameter in transformer.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _refuse_unknown(transformer: Denoiser, targets: Sequence[str], known: Sequence[str]) -> None:
    """Each target has to name layers with weights of their own, by whole names or their ends."""
    import torch

    kinds = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Embedding)
    layers = {name: isinstance(module, kinds) for name, module in transformer.named_modules()}
    unknown = []
    for target in targets:
        hit = [fits for name, fits in layers.items() if f".{name}".endswith(f".{target}")]
        if not hit or not all(hit) or not target:
            unknown.append(target)
    if unknown:
        adaptable = {re.sub(r"^.*?\.\d+\.", "", name) for name, fits in layers.items() if fits}
        raise TrainingError(
            "no layer of the base has such a name",
            key="lora.targets",
            found=unknown,
            expected=f"ends of layers' names such as {', '.join(sorted(adaptable))}",
            remedy=f"use {', '.join(known)}",
        )


def save_adapter(
    transformer: Denoiser, shape: LoraShape, metadata: dict[str, str], path: Path
) -> None:
    """Write the adapter in diffusers' layout, fp32; same adapter and metadata, same bytes."""
    import torch
    from peft.utils import get_peft_model_state_dict
    from safetensors.torch import save_file

    weights = get_peft_model_state_dict(transformer, adapter_name=ADAPTER_NAME)
    tensors = {
        f"transformer.{name}": tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in weights.items()
    }
    lora_config = {
        "transformer.r": shape.rank,
        "transformer.lora_alpha": shape.alpha,
        "transformer.target_modules": list(shape.targets),
        "transformer.peft_type": "LORA",
        "transformer.bias": "none",
    }
    # diffusers reads rank and alpha back from this key (src/diffusers/loaders/lora_base.py);
    # without it alpha silently becomes the rank.
    header = {"format": "pt", LORA_METADATA: json.dumps(lora_config, sort_keys=True)}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=header | metadata)
        canonical_safetensors(temporary)


def load_adapter(pipeline: Pipeline, path: Path, name: str, scale: float) -> None:
    """Load an adapter file through the pipeline and make it the only active one.

    Raises IntegrityError for a file that diffusers would load without a word and without effect.
    """
    tensors = read_safetensors_header(path)
    metadata = tensors.pop("__metadata__", {})
    wrong = [key for key in tensors if not _is_ours(key)]
    if wrong or len(tensors) < 2:
        raise IntegrityError(
            "not an adapter for this base: diffusers would load it without effect",
            file=path,
            found=wrong[:3],
            expected="tensors named transformer.*.lora_A|B.weight",
        )
    _check_scale(path, tensors, metadata)
    if name in getattr(pipeline.transformer, "peft_config", {}):
        pipeline.delete_adapters(name)
    pipeline.load_lora_weights(
        path.parent, weight_name=path.name, adapter_name=name, use_safetensors=True
    )
    pipeline.set_adapters([name], [scale])


def _check_scale(
    path: Path, tensors: Mapping[str, TensorEntry], metadata: Mapping[str, str]
) -> None:
    """Refuse a file whose alpha diffusers would not see, or that contradicts itself."""
    down = {
        key.removeprefix(PREFIX).removesuffix(_DOWN): entry["shape"]
        for key, entry in tensors.items()
        if key.endswith(_DOWN)
    }
    if any(len(shape) != 2 or not shape[0] for shape in down.values()):
        raise IntegrityError("factors are matrices", file=path, found=down)
    ranks = {name: shape[0] for name, shape in down.items()}
    said = said_alphas(path, ranks, metadata)
    if said is None or LORA_METADATA in metadata:
        return
    if any(alpha != ranks[name] for name, alpha in said.alphas.items()):
        raise IntegrityError(
            "diffusers doesn't read alpha there, and would take the rank for it",
            file=path,
            key=said.entry,
            found=sorted(set(said.alphas.values())),
            expected=f"the entry {LORA_METADATA}",
            remedy=f"run `slora convert {path.name} --to diffusers --out <file>`, which writes it",
        )


def _is_ours(key: str) -> bool:
    return key.startswith("transformer.") and key.endswith((".lora_A.weight", ".lora_B.weight"))

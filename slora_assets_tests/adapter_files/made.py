"""Adapter files for tests of their conversion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from slora_assets.adapter_files.conversion import convert
from slora_assets.adapter_files.naming import ARCHITECTURES, Naming
from slora_assets.base_models.weights import read_safetensors_header

FOREIGN = [Naming.KOHYA, Naming.COMFYUI]
Arrays = dict[str, np.ndarray[Any, Any]]


def adapter(
    path: Path,
    layers: list[str],
    rank: int = 2,
    alpha: float | None = 1.0,
    dtype: str = "float32",
    **header: str,
) -> Path:
    """A diffusers adapter with numbers that differ from tensor to tensor."""
    numbers = np.random.default_rng(0)
    tensors: Arrays = {}
    for layer in layers:
        tensors[f"transformer.{layer}.lora_A.weight"] = numbers.normal(size=(rank, 3)).astype(dtype)
        tensors[f"transformer.{layer}.lora_B.weight"] = numbers.normal(size=(4, rank)).astype(dtype)
    if alpha is not None:
        config = {"transformer.r": rank, "transformer.lora_alpha": alpha}
        header["lora_adapter_metadata"] = json.dumps(config)
    safetensors.numpy.save_file(tensors, path, header or None)
    return path


def header(path: Path) -> dict[str, str]:
    return dict(read_safetensors_header(path).get("__metadata__", {}))


def layers_of(name: str, blocks: int = 2) -> list[str]:
    known = ARCHITECTURES[name]
    inside = [f"{known.blocks}.{n}.{layer}" for n in range(blocks) for layer in known.layers]
    return inside + list(known.others)


ATTENTION = [f"transformer_blocks.0.attn1.{part}" for part in ("to_q", "to_out.0")]


def canonical(source: Path, target: Path) -> bytes:
    convert(source, Naming.DIFFUSERS, target)
    return target.read_bytes()

"""Adapter files between diffusers', Kohya's and ComfyUI's naming, and back without loss.

Tensors are moved as bytes, never scaled: alpha becomes a tensor of its own where the naming has
one. A converted file carries in its header what its naming can't say (`slora.conversion`: the
layers' paths and diffusers' own entry), so that the way back restores the file. diffusers reads
neither naming for CogVideoX (its loader drops every name that doesn't begin with `transformer.`),
but both for Wan and ComfyUI's for LTX-Video.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slora_assets.adapter_files.layers import (
    LORA_METADATA,
    Layer,
    described,
    layers_of,
    naming_of,
    recorded_alphas,
)
from slora_assets.adapter_files.naming import ARCHITECTURES, Architecture, Naming, knowing
from slora_assets.adapter_files.tensor_file import RawTensor, read_tensors, write_tensors
from slora_assets.config.errors import ConfigError, IntegrityError

CONVERSION: Final = "slora.conversion"
"""Header entry of a converted file: JSON with `architecture`, `layers` (diffusers' paths), `kept`
(entries that would mislead a reader of the new naming) and `added` (entries that it wants)."""


@dataclass(frozen=True)
class Adapter:
    """An adapter by diffusers' paths, with the header of diffusers' file."""

    architecture: Architecture
    layers: dict[str, Layer]
    alphas: dict[str, float]
    metadata: dict[str, str]


def convert(source: Path, naming: Naming, target: Path, architecture: str | None = None) -> Adapter:
    """Write the adapter `source`, whatever its naming, to `target` under `naming`.

    `architecture` decides where the layers alone don't. Raises ConfigError for an unknown one and
    for a target that is the source, MissingInputError, IntegrityError.
    """
    if target.exists() and source.exists() and target.samefile(source):
        raise ConfigError("an adapter is not converted in place", key="out", found=str(target))
    adapter = read_adapter(source, architecture)
    if naming is Naming.DIFFUSERS:
        tensors = _factors(adapter, "transformer.{}.lora_A.weight", "transformer.{}.lora_B.weight")
        write_tensors(target, tensors, adapter.metadata)
    else:
        write_tensors(target, _renamed(source, adapter, naming), _header(adapter, naming))
    return adapter


def read_adapter(path: Path, architecture: str | None = None) -> Adapter:
    """Read an adapter file in any of the namings."""
    tensors, metadata = read_tensors(path)
    naming = naming_of(path, list(tensors))
    named = layers_of(path, naming, tensors)
    conversion = _conversion(path, naming, metadata)
    chosen = _architecture(path, naming, list(named), conversion.get("architecture", architecture))
    # A name that the architecture lacks has been refused.
    layers = {str(chosen.path_of(name, naming)): layer for name, layer in named.items()}
    layers = dict(sorted(layers.items()))
    if conversion and sorted(layers) != conversion["layers"]:
        raise IntegrityError(
            "the header lists other layers than the file has",
            file=path,
            key=CONVERSION,
            found=f"{len(layers)} layers",
            expected=f"{len(conversion['layers'])} layers",
            remedy="convert the adapter that this file was made from once more",
        )
    if conversion:
        added = {CONVERSION, *conversion["added"]}
        metadata = {key: value for key, value in metadata.items() if key not in added}
        metadata |= conversion["kept"]
    alphas = _alphas(path, naming, layers, metadata, foreign=not conversion)
    if naming is not Naming.DIFFUSERS and not conversion:
        metadata = metadata | {LORA_METADATA: described(layers, alphas)}
    return Adapter(chosen, layers, alphas, metadata)


def _conversion(path: Path, naming: Naming, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What `_header` wrote; empty for a file that slora didn't convert."""
    if CONVERSION not in metadata:
        return {}
    try:
        found = json.loads(metadata[CONVERSION])
        whole = {"architecture", "layers", "kept", "added"} == found.keys()
    except (ValueError, AttributeError):
        whole = False
    if not whole or naming is Naming.DIFFUSERS or found["architecture"] not in ARCHITECTURES:
        raise IntegrityError(
            "the header is not one that a conversion wrote",
            file=path,
            key=CONVERSION,
            remedy="convert the adapter that this file was made from once more",
        )
    return dict(found)


def _architecture(path: Path, naming: Naming, names: list[str], wanted: str | None) -> Architecture:
    if wanted is not None and wanted not in ARCHITECTURES:
        raise ConfigError(
            "no such architecture",
            key="architecture",
            found=wanted,
            expected=f"one of {list(ARCHITECTURES)}",
        )
    among = [ARCHITECTURES[wanted]] if wanted is not None else list(ARCHITECTURES.values())
    chosen, unknown = knowing(names, naming, among)
    if unknown:
        raise IntegrityError(
            f"no layer of {' or '.join(known.name for known in among)} is called so in"
            f" {naming.value}'s naming",
            file=path,
            key=unknown,
            remedy="convert adapters of CogVideoX, LTX-Video or Wan only",
        )
    return chosen


def _alphas(
    path: Path, naming: Naming, layers: dict[str, Layer], metadata: dict[str, str], foreign: bool
) -> dict[str, float]:
    """Alphas by the header, or in a foreign file by the tensors; rank where neither says one."""
    if foreign and naming is not Naming.DIFFUSERS:
        alphas = {name: layer.alpha for name, layer in layers.items()}
        return {n: float(layers[n].rank) if a is None else a for n, a in alphas.items()}
    recorded = recorded_alphas(path, layers, metadata)
    for name, layer in layers.items():
        said = RawTensor.scalar(recorded[name]).value()
        if layer.alpha is not None and layer.alpha != said:
            raise IntegrityError(
                "alpha was changed after the conversion",
                file=path,
                key=name,
                found=layer.alpha,
                expected=str(said),
                remedy=f"remove the header entry {CONVERSION} to take the tensors' word for it",
            )
    return recorded


def _factors(adapter: Adapter, down: str, up: str) -> dict[str, RawTensor]:
    tensors = {down.format(path): layer.down for path, layer in adapter.layers.items()}
    return tensors | {up.format(path): layer.up for path, layer in adapter.layers.items()}


def _renamed(source: Path, adapter: Adapter, naming: Naming) -> dict[str, RawTensor]:
    if naming is Naming.KOHYA:
        prefix, down, up = "lora_unet_", "lora_down.weight", "lora_up.weight"
    else:
        prefix, down, up = "diffusion_model.", "lora_A.weight", "lora_B.weight"
    tensors: dict[str, RawTensor] = {}
    for path, layer in adapter.layers.items():
        name = adapter.architecture.name_of(path, naming)
        tensors |= {f"{prefix}{name}.{down}": layer.down, f"{prefix}{name}.{up}": layer.up}
        alpha = adapter.alphas[path]
        # Without one ComfyUI's scale is 1; diffusers' loader for LTX-Video refuses a file with one.
        if naming is Naming.KOHYA or alpha != layer.rank:
            tensors[f"{prefix}{name}.alpha"] = RawTensor.scalar(alpha)
    return tensors


def _header(adapter: Adapter, naming: Naming) -> dict[str, str]:
    metadata = dict(adapter.metadata)
    # diffusers' loaders for Wan put alpha into the weights and would, with this entry, scale twice.
    kept = {key: metadata.pop(key) for key in (LORA_METADATA,) if key in metadata}
    added: dict[str, str] = {}
    ranks = {layer.rank for layer in adapter.layers.values()}
    alphas = set(adapter.alphas.values())
    if naming is Naming.KOHYA and len(ranks) == len(alphas) == 1:
        added = {
            "ss_network_module": "networks.lora",
            "ss_network_dim": str(ranks.pop()),
            "ss_network_alpha": str(alphas.pop()),
        }
        added = {key: value for key, value in added.items() if key not in metadata}
    conversion = {
        "architecture": adapter.architecture.name,
        "layers": sorted(adapter.layers),
        "kept": kept,
        "added": sorted(added),
    }
    return metadata | added | {CONVERSION: json.dumps(conversion, sort_keys=True)}

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from slora_assets.adapter_files.layers import (
    Layer,
    described,
    layers_of,
    naming_of,
    reconciled_alphas,
)
from slora_assets.adapter_files.naming import ARCHITECTURES, Architecture, Naming, knowing
from slora_assets.adapter_files.tensor_file import RawTensor, read_tensors, write_tensors
from slora_assets.base_models.adapter_header import LORA_METADATA
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
    if target.exists() and not target.is_file():
        raise ConfigError(
            "the converted adapter is a file",
            key="out",
            found=str(target),
            expected="a file's name",
            remedy=f"name a file in it: --out {target / source.name}",
        )
    if target.exists() and source.exists() and target.samefile(source):
        raise ConfigError(
            "an adapter is not converted in place",
            key="out",
            found=str(target),
            expected="another file",
            remedy=f"name another: --out {target.with_stem(f'{target.stem}_{naming.value}')}",
        )
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
    wanted = architecture if conversion is None else conversion.architecture
    chosen = _architecture(path, naming, list(named), wanted)
    # A name that the architecture lacks has been refused.
    layers = {str(chosen.path_of(name, naming)): layer for name, layer in named.items()}
    layers = dict(sorted(layers.items()))
    if conversion is not None:
        if sorted(layers) != conversion.layers:
            raise IntegrityError(
                "the header lists other layers than the file has",
                file=path,
                key=CONVERSION,
                found=f"{len(layers)} layers",
                expected=f"{len(conversion.layers)} layers",
                remedy=_AGAIN,
            )
        added = {CONVERSION, *conversion.added}
        metadata = {key: value for key, value in metadata.items() if key not in added}
        metadata |= conversion.kept
        _refuse_changed(path, layers, metadata)
    alphas = reconciled_alphas(path, layers, metadata)
    as_diffusers_takes_it = {name: float(layer.rank) for name, layer in layers.items()}
    if conversion is None and (
        naming is not Naming.DIFFUSERS
        or (LORA_METADATA not in metadata and alphas != as_diffusers_takes_it)
    ):
        metadata = metadata | {LORA_METADATA: described(layers, alphas)}
    return Adapter(chosen, layers, alphas, metadata)


class _Conversion(BaseModel):
    """What `_header` wrote."""

    model_config = ConfigDict(extra="forbid", strict=True)

    architecture: str
    layers: list[str]
    kept: dict[str, str]
    added: list[str]


_AGAIN: Final = "convert the adapter that this file was made from once more"


def _conversion(path: Path, naming: Naming, metadata: Mapping[str, str]) -> _Conversion | None:
    """What `_header` wrote; None for a file that slora didn't convert."""
    if CONVERSION not in metadata:
        return None
    try:
        found = _Conversion.model_validate_json(metadata[CONVERSION])
    except ValidationError:
        found = None
    if found is None or naming is Naming.DIFFUSERS or found.architecture not in ARCHITECTURES:
        raise IntegrityError(
            "the header is not one that a conversion wrote",
            file=path,
            key=CONVERSION,
            found=metadata[CONVERSION],
            remedy=_AGAIN,
        )
    return found


def _refuse_changed(path: Path, layers: Mapping[str, Layer], metadata: Mapping[str, str]) -> None:
    """The alphas of a converted file are those of the header that it was made from."""
    bare = {name: replace(layer, alpha=None) for name, layer in layers.items()}
    for name, said in reconciled_alphas(path, bare, metadata).items():
        found = layers[name].alpha
        if found is not None and found != RawTensor.scalar(said).value():
            raise IntegrityError(
                "alpha was changed after the conversion",
                file=path,
                key=name,
                found=found,
                expected=str(said),
                remedy=f"remove the header entry {CONVERSION} to take the tensors' word for it",
            )


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

"""What an adapter file holds, whatever its naming: checked pairs of factors and their alphas."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slora_assets.adapter_files.naming import Naming
from slora_assets.adapter_files.tensor_file import RawTensor
from slora_assets.base_models.adapter_header import PREFIX, refuse_other_kinds, said_alphas
from slora_assets.config.errors import IntegrityError

_ASKED_FOR: Final = "ss_network_alpha"

_KEYS: Final = {
    Naming.DIFFUSERS: r"transformer\.(?P<layer>.+)\.(?P<part>lora_A\.weight|lora_B\.weight)",
    # VideoX-Fun writes two underscores.
    Naming.KOHYA: r"lora_unet__?(?P<layer>[^._][^.]*)\."
    r"(?P<part>lora_down\.weight|lora_up\.weight|alpha)",
    Naming.COMFYUI: r"diffusion_model\.(?P<layer>.+)\."
    r"(?P<part>lora_A\.weight|lora_B\.weight|lora_down\.weight|lora_up\.weight|alpha)",
}
_PARTS: Final = {
    "lora_A.weight": "down",
    "lora_down.weight": "down",
    "lora_B.weight": "up",
    "lora_up.weight": "up",
    "alpha": "alpha",
}


@dataclass(frozen=True)
class Layer:
    """One adapted layer: down [rank, in], up [out, rank]; alpha None where the file has none."""

    down: RawTensor
    up: RawTensor
    alpha: float | None

    @property
    def rank(self) -> int:
        return self.down.shape[0]


def naming_of(path: Path, keys: list[str]) -> Naming:
    """The naming that all keys follow.

    Raises IntegrityError for a file that is no LoRA adapter or mixes namings.
    """
    found = {key: _naming_of_key(key) for key in sorted(keys)}
    strange = [key for key, naming in found.items() if naming is None]
    if strange or not keys:
        raise IntegrityError(
            "not a LoRA adapter for a video transformer, or one with parts that can't be converted",
            file=path,
            key=strange[0] if strange else None,
            found=f"{len(keys)} tensors",
            expected="transformer.*.lora_A|B.weight, lora_unet_*.lora_down|up.weight and .alpha, or"
            " diffusion_model.*.lora_A|B.weight and .alpha",
        )
    namings = Counter(naming for naming in found.values() if naming is not None)
    if len(namings) > 1:
        (common, _), *_ = namings.most_common()
        odd = next(key for key, naming in found.items() if naming is not common)
        raise IntegrityError(
            "the file mixes namings",
            file=path,
            key=odd,
            found=", ".join(f"{count} x {naming.value}" for naming, count in namings.items()),
            expected="one naming",
        )
    return next(iter(namings))


def _naming_of_key(key: str) -> Naming | None:
    return next((n for n, pattern in _KEYS.items() if re.fullmatch(pattern, key)), None)


def layers_of(path: Path, naming: Naming, tensors: Mapping[str, RawTensor]) -> dict[str, Layer]:
    """The layers by the file's own names.

    Raises IntegrityError for a lone factor, factors that don't fit each other, NaN and infinity.
    """
    parts: dict[str, dict[str, RawTensor]] = {}
    for key, tensor in tensors.items():
        match = re.fullmatch(_KEYS[naming], key)
        assert match is not None
        layer, part = match["layer"], _PARTS[match["part"]]
        if part in parts.setdefault(layer, {}):
            raise IntegrityError("the layer has two such factors", file=path, key=key)
        if not tensor.is_finite():
            raise IntegrityError(
                "the tensor holds NaN or infinity",
                file=path,
                key=key,
                remedy="take the adapter of an earlier epoch",
            )
        parts[layer][part] = tensor
    return {name: _layer(path, name, found) for name, found in sorted(parts.items())}


def _layer(path: Path, name: str, found: dict[str, RawTensor]) -> Layer:
    if not {"down", "up"} <= found.keys():
        raise IntegrityError(
            "a factor of the layer is missing",
            file=path,
            key=name,
            found=sorted(found),
            expected="both factors",
        )
    down, up = found["down"], found["up"]
    shapes = f"{list(down.shape)} and {list(up.shape)}"
    if (
        len(down.shape) != 2
        or len(up.shape) != 2
        or down.shape[0] != up.shape[1]
        or not down.data
        or not up.data
    ):
        raise IntegrityError(
            "the factors don't fit each other",
            file=path,
            key=name,
            found=shapes,
            expected="[rank, in] and [out, rank]",
        )
    if down.dtype[0] == "I" or up.dtype[0] == "I":
        raise IntegrityError("factors in whole numbers", file=path, key=name, found=down.dtype)
    alpha = found.get("alpha")
    if alpha is not None and math.prod(alpha.shape) != 1:
        raise IntegrityError(
            "alpha is one number", file=path, key=name, found=list(alpha.shape), expected="[]"
        )
    value = None if alpha is None else alpha.value()
    if value is not None and not 0 < value < math.inf:
        raise IntegrityError(
            "alpha is no number above zero", file=path, key=name, found=value, expected="above 0"
        )
    return Layer(down, up, value)


def reconciled_alphas(
    path: Path, layers: Mapping[str, Layer], metadata: Mapping[str, str]
) -> dict[str, float]:
    """Each layer's alpha by the header and by the tensors, which have to agree; its rank where
    neither says one, as diffusers and Kohya's tools take it then.

    Where only `ss_network_alpha` differs the tensors are right: it is what a training was asked
    for, and layers may have got others. Raises IntegrityError for contradictions, and for a scaling
    that other programs' files can't say.
    """
    refuse_other_kinds(path, metadata)
    said = said_alphas(path, {name: layer.rank for name, layer in layers.items()}, metadata)
    alphas: dict[str, float] = {}
    for name, layer in layers.items():
        by_header = said.alphas[name] if said is not None else None
        if layer.alpha is None:
            alphas[name] = float(layer.rank) if by_header is None else by_header
        elif said is None or by_header is None or said.entry == _ASKED_FOR:
            alphas[name] = layer.alpha
        elif math.isclose(layer.alpha, by_header, rel_tol=1e-3):  # fp16 rounds
            alphas[name] = by_header
        else:
            raise IntegrityError(
                "the header says another alpha than the tensors",
                file=path,
                key=f"{said.entry}, {name}",
                found=f"{by_header:g} and {layer.alpha:g}",
                expected="one alpha",
                remedy=f"remove the entry {said.entry} to take the tensors' word for it",
            )
    return alphas


def described(layers: Mapping[str, Layer], alphas: Mapping[str, float]) -> str:
    """The header entry that makes diffusers read the layers as they are."""
    (rank, _), *_ = Counter(layer.rank for layer in layers.values()).most_common(1)
    (alpha, _), *_ = Counter(alphas.values()).most_common(1)
    config: dict[str, Any] = {
        "r": rank,
        "lora_alpha": alpha,
        # Whole paths: a suffix would put untrained layers where the file has none.
        "target_modules": sorted(layers),
        "peft_type": "LORA",
        "bias": "none",
    }
    other_ranks = {n: layer.rank for n, layer in sorted(layers.items()) if layer.rank != rank}
    other_alphas = {name: value for name, value in sorted(alphas.items()) if value != alpha}
    if other_ranks:
        config["rank_pattern"] = other_ranks
    if other_alphas:
        config["alpha_pattern"] = other_alphas
    return json.dumps({PREFIX + key: value for key, value in config.items()}, sort_keys=True)

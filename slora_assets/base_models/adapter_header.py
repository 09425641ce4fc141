"""What the header of an adapter file says of alpha and rank, held against its tensors.

Programs write alpha under many names, and each reads its own alone: a file whose scale stands in an
entry that the reader doesn't know acts with another strength, without a word. So all known entries
are read wherever an adapter is, they have to agree with each other and with the tensors, and what
can't be said in another program's file is refused by the entry's name.

Sources: diffusers `loaders/lora_base.py` (`lora_adapter_metadata`), kohya-ss `networks/lora.py`
(`ss_network_*`), finetrainers `save_hooks` (`lora_config`); plain `alpha` and `lora_alpha` of
others.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slora_assets.config.errors import IntegrityError

LORA_METADATA: Final = "lora_adapter_metadata"
"""The header entry that diffusers restores rank and alpha from (`loaders/lora_base.py`)."""
PREFIX: Final = "transformer."
"""Of diffusers' keys that are the denoiser's."""

_JSON: Final = (LORA_METADATA, "lora_config", "peft_config", "adapter_config")
_PLAIN: Final = (
    ("alpha", "rank"),
    ("lora_alpha", "lora_rank"),
    ("network_alpha", "network_dim"),
    ("ss_network_alpha", "ss_network_dim"),
)
_KOHYA_ARGUMENTS: Final = "ss_network_args"
_SCALED_OTHERWISE: Final = ("use_rslora", "rslora", "rs_lora", "use_dora", "dora", "dora_wd")
"""Kinds of adapter whose scale is not alpha / rank, or that have more than two factors."""
_NOTHING: Final = ("", "none", "null")
_UNREADABLE: Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    re.error,
)


@dataclass(frozen=True)
class SaidAlphas:
    """Each layer's alpha by a header entry."""

    entry: str
    alphas: dict[str, float]


def said_alphas(
    path: Path, ranks: Mapping[str, int], metadata: Mapping[str, str]
) -> SaidAlphas | None:
    """What the header says of the layers' alphas; None where it says nothing.

    `ranks` are the tensors', by diffusers' paths. Raises IntegrityError for entries that can't be
    read, contradict the tensors' ranks or each other.
    """
    found: SaidAlphas | None = None
    for entry in _JSON:
        if entry in metadata:
            found = _agreed(path, found, _by_json(path, entry, ranks, metadata))
    for alpha, rank in _PLAIN:
        said = _number(path, alpha, metadata)
        if said is None:
            continue
        wanted = _number(path, rank, metadata)
        if wanted is not None and wanted not in ranks.values():
            raise _contradiction(path, rank, f"rank {wanted:g}", ranks)
        found = _agreed(path, found, SaidAlphas(alpha, dict.fromkeys(ranks, said)))
    return found


def refuse_other_kinds(path: Path, metadata: Mapping[str, str]) -> None:
    """Raise IntegrityError for an adapter whose scale other programs' files can't say."""
    for entry in (*_JSON, _KOHYA_ARGUMENTS):
        if entry in metadata:
            for key, value in _loaded(path, entry, metadata).items():
                if key.removeprefix(PREFIX).lower() in _SCALED_OTHERWISE and _says_yes(value):
                    raise _other_kind(path, f"{entry} {key.removeprefix(PREFIX)}", value)
    for key, value in metadata.items():
        if key.lower().removeprefix("ss_") in _SCALED_OTHERWISE and _says_yes(value):
            raise _other_kind(path, key, value)


def _other_kind(path: Path, key: str, found: object) -> IntegrityError:
    return IntegrityError(
        "a kind of adapter that Kohya's and ComfyUI's files can't say",
        file=path,
        key=key,
        found=found,
        expected="a plain LoRA adapter, scaled by alpha / rank",
        remedy="merge it with the program that made it, or use it there",
    )


def _says_yes(value: object) -> bool:
    return str(value).strip().lower() not in (*_NOTHING, "false", "0", "no", "off")


def _loaded(path: Path, entry: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        loaded = json.loads(metadata[entry])
        if loaded is None and entry == _KOHYA_ARGUMENTS:
            return {}
        return {str(key): value for key, value in loaded.items()}
    except _UNREADABLE as error:
        raise _unreadable(path, entry) from error


def _by_json(
    path: Path, entry: str, ranks: Mapping[str, int], metadata: Mapping[str, str]
) -> SaidAlphas:
    config = _loaded(path, entry, metadata)
    ours = {k.removeprefix(PREFIX): v for k, v in config.items() if k.startswith(PREFIX)}
    config = ours or config
    try:
        alphas = {name: _positive(_for_layer(config, name, "lora_alpha")) for name in ranks}
        said = {name: _positive(_for_layer(config, name, "r")) for name in ranks}
    except _UNREADABLE as error:
        raise _unreadable(path, entry) from error
    for name, rank in said.items():
        if rank != ranks[name]:
            raise _contradiction(path, entry, f"rank {rank:g} for {name}", ranks)
    return SaidAlphas(entry, alphas)


def _unreadable(path: Path, entry: str) -> IntegrityError:
    return IntegrityError(
        "no rank and alpha in the header",
        file=path,
        key=entry,
        expected="JSON with transformer.r and transformer.lora_alpha, numbers above zero"
        if entry == LORA_METADATA
        else "JSON with r and lora_alpha, numbers above zero",
        remedy="remove the entry to take the tensors' word for it, or save the adapter again",
    )


def _for_layer(config: Mapping[str, Any], name: str, key: str) -> object:
    """A value for a layer: PEFT's pattern (`peft/utils/other.py` get_pattern_key) or the common
    one."""
    patterns: Mapping[str, object] = (
        config.get({"r": "rank_pattern", "lora_alpha": "alpha_pattern"}[key]) or {}
    )
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern})$", name):
            return value
    return config[key]


def _number(path: Path, entry: str, metadata: Mapping[str, str]) -> float | None:
    text = metadata.get(entry, "").strip()
    if text.lower() in _NOTHING:
        return None
    try:
        return _positive(float(text))
    except ValueError as error:
        raise IntegrityError(
            "no number above zero in the header",
            file=path,
            key=entry,
            found=metadata[entry],
            expected="the adapter's alpha or rank",
            remedy="remove the entry to take the tensors' word for it, or save the adapter again",
        ) from error


def _positive(value: object) -> float:
    """A number that a tensor in fp32 can say too. Raises ValueError, TypeError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    if not 1e-30 < value < 1e30 or not math.isfinite(value):
        raise ValueError(value)
    return float(value)


def _agreed(path: Path, one: SaidAlphas | None, other: SaidAlphas) -> SaidAlphas:
    """The first of two entries that say the same. Raises IntegrityError where they don't."""
    if one is None:
        return other
    for name, alpha in one.alphas.items():
        if not math.isclose(alpha, other.alphas[name], rel_tol=1e-3):
            raise IntegrityError(
                "two entries of the header contradict each other",
                file=path,
                key=f"{one.entry}, {other.entry}",
                found=f"alpha {alpha:g} and {other.alphas[name]:g}",
                expected="one alpha",
                remedy="remove the entry that is wrong",
            )
    return one


def _contradiction(path: Path, entry: str, said: str, ranks: Mapping[str, int]) -> IntegrityError:
    return IntegrityError(
        "the header contradicts the tensors",
        file=path,
        key=entry,
        found=said,
        expected=f"rank {', '.join(map(str, sorted(set(ranks.values()))))}, as the tensors have",
        remedy="remove the entry to take the tensors' word for it, or save the adapter again",
    )

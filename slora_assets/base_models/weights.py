"""Weights on disk: hashes of a model folder's parts, and safetensors files with stable bytes."""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from slora_assets.config.errors import IntegrityError
from slora_assets.provenance import file_stamp, object_hash, read_json, sha256_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTS: Final = ("text_encoder", "vae", "transformer")
"""The folders of a pipeline that hold weights."""
_MAX_HEADER_BYTES = 100_000_000
"""The safetensors format's own limit."""


class TensorEntry(TypedDict):
    """What a safetensors header says of a tensor."""

    dtype: str
    """`F32`, `F16`, `BF16` and so on."""
    shape: list[int]
    data_offsets: list[int]
    """First byte and end, counted from the header's end."""


def part_hashes(folder: Path, parts: tuple[str, ...]) -> dict[str, str]:
    """Hash of each part: its configuration, vocabulary and weights by name and content.

    Raises IntegrityError for a part without safetensors weights.
    """
    hashes: dict[str, str] = {}
    for part in parts:
        files = sorted(path for path in (folder / part).glob("*") if path.is_file())
        if not any(path.suffix == ".safetensors" for path in files):
            raise IntegrityError(
                "the part has no safetensors weights",
                file=folder / part,
                remedy="use a folder in diffusers' layout with safetensors weights",
            )
        if part == "text_encoder":
            files += sorted(path for path in (folder / "tokenizer").glob("*") if path.is_file())
        hashes[part] = object_hash(
            {path.relative_to(folder).as_posix(): _content_hash(path) for path in files}
        )
    return hashes


def weight_count(folder: Path) -> int:
    """How many numbers the weights of a pipeline's folder are."""
    files = [file for part in PARTS for file in (folder / part).glob("*.safetensors")]
    headers = [read_safetensors_header(file) for file in files]
    return sum(
        prod(entry["shape"])
        for header in headers
        for name, entry in header.items()
        if name != "__metadata__"
    )


def verify_recorded(folder: Path, recorded: dict[str, str]) -> None:
    """Compare weights with their recorded hashes before anything is loaded.

    Raises IntegrityError naming the first file that is absent or differs.
    """
    for name, expected in sorted(recorded.items()):
        path = folder / name
        found = hash_once(path) if path.is_file() else "nothing"
        if found != expected:
            raise IntegrityError(
                "the weights are not the recorded ones",
                file=path,
                found=found,
                expected=expected,
                remedy="restore it, or delete the folder and run `make data`",
            )


def read_mapping(path: Path) -> dict[str, Any]:
    """What a configuration in JSON holds. Raises MissingInputError, IntegrityError."""
    remedy = "fetch the model again"
    found = read_json(path, remedy=remedy)
    if not isinstance(found, dict):
        raise IntegrityError("no mapping", file=path, found=found, remedy=remedy)
    return dict(found)


def read_safetensors_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: tensor entries and `__metadata__`.

    Raises IntegrityError when the file is no safetensors file or is truncated.
    """
    with path.open("rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(_MAX_HEADER_BYTES, path.stat().st_size - 8):
            raise IntegrityError("not a safetensors file, or a truncated one", file=path)
        try:
            header: dict[str, Any] = json.loads(stream.read(length).decode())
        except (ValueError, RecursionError) as error:
            raise IntegrityError(f"the header is not valid JSON ({error})", file=path) from error
    _check_header(path, header)
    return header


def _check_header(path: Path, header: object) -> None:
    """Refuse a header that is no mapping from tensors to entries, with texts under
    `__metadata__`."""
    if not isinstance(header, dict):
        raise IntegrityError(
            "the header is no mapping", file=path, found=header, expected="a mapping of tensors"
        )
    metadata = header.get("__metadata__", {})
    texts = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if not texts or _has_surrogates(metadata):
        raise IntegrityError(
            "the header's entries are no texts",
            file=path,
            key="__metadata__",
            found=metadata,
            expected="a mapping from text to text",
        )
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        keys = entry.keys() if isinstance(entry, dict) else set()
        if not {"dtype", "shape", "data_offsets"} <= keys or not (
            isinstance(entry["dtype"], str)
            and _are_sizes(entry["shape"])
            and _are_sizes(entry["data_offsets"])
            and len(entry["data_offsets"]) == 2
        ):
            raise IntegrityError("not a safetensors entry", file=path, key=name, found=entry)


def _are_sizes(found: object) -> bool:
    return isinstance(found, list) and all(type(size) is int and size >= 0 for size in found)


def _has_surrogates(texts: dict[str, str]) -> bool:
    return any("\ud800" <= letter <= "\udfff" for pair in texts.items() for letter in "".join(pair))


def read_tensors(folder: Path, names: tuple[str, ...]) -> dict[str, NDArray[np.float32]]:
    """Small tensors of a model's weights, in fp32, whichever of its files holds them.

    Raises IntegrityError naming one that none holds.
    """
    import torch
    from safetensors import safe_open

    found: dict[str, NDArray[np.float32]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as weights:
            for name in set(names) & set(weights.keys()):
                found[name] = weights.get_tensor(name).to(torch.float32).numpy()
    for name in names:
        if name not in found:
            raise IntegrityError("the weights lack a tensor", file=folder, key=name)
    return found


def canonical_safetensors(path: Path) -> None:
    """Sort the header's keys in place, so that equal tensors and metadata give equal bytes.

    The safetensors library writes `__metadata__` in the order of a hash map with a random seed; the
    sorted header has the same length, so offsets and alignment stay as they are.
    """
    with path.open("rb+") as stream:
        length = struct.unpack("<Q", stream.read(8))[0]
        raw = stream.read(length)
        header = json.loads(raw)
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        encoded = text.encode()
        if len(encoded) > length:
            raise IntegrityError("the header can't be rewritten in its own length", file=path)
        stream.seek(8)
        stream.write(encoded.ljust(length, b" "))


def _content_hash(path: Path) -> str:
    """The file's SHA-256; a hub cache names large files by it, which saves reading gigabytes."""
    target = path.resolve().name
    if path.is_symlink() and len(target) == 64 and set(target) <= set("0123456789abcdef"):
        return target
    return hash_once(path)


def hash_once(path: Path) -> str:
    """SHA-256 of a file; within one process it is read again only when it has changed."""
    return _hash_at(path, file_stamp(path))


@lru_cache(maxsize=256)
def _hash_at(path: Path, stamp: tuple[int, ...]) -> str:
    """The hash of the file as it stood at `stamp`: every stage of every scenario asks for it."""
    return sha256_file(path)

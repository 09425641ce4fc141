"""One shard: many cached arrays with their keys in a safetensors file, read one by one.

What each array was made from and the hash of its bytes stand in the header, so that a shard says of
itself what an `.npz` of each would. Equal arrays, keys and names give equal bytes, and the name of
a file is the hash of what it holds: one with fewer arrays is another file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.adapter_files.tensor_file import RawTensor, write_tensors
from slora_assets.base_models.weights import read_safetensors_header
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.provenance import object_hash, sha256_bytes

Array = NDArray[np.float16]
Key = dict[str, Any]

ENDING: Final = ".safetensors"
_ENTRIES: Final = "slora_arrays"
"""The header's one text: with several the format leaves their order open."""
_NAME: Final = 32
"""Characters of a hash that name a file."""
_REMEDY: Final = "run `make preprocess`"


@dataclass(frozen=True)
class ShardEntry:
    """Where an array lies in its file, and what is said of it."""

    key: Key
    sha256: str
    """Of its bytes."""
    shape: tuple[int, ...]
    offset: int
    """Of its first byte in the file."""


@dataclass(frozen=True)
class Shard:
    """A shard's header."""

    path: Path
    entries: Mapping[str, ShardEntry]

    def read(self, name: str, sha256: str | None = None) -> Array:
        """An array, if its bytes are those that were written (and, with `sha256`, those of a list
        that says so). Raises MissingInputError, IntegrityError."""
        entry = self.entry(name)
        array = self.read_unverified(name)
        found = sha256_bytes(array.data)
        for expected in {entry.sha256, sha256 or entry.sha256}:
            if found != expected:
                raise IntegrityError(
                    "the array in the shard is not the one that was encoded",
                    file=self.path,
                    key=name,
                    found=found,
                    expected=expected,
                    remedy=f"delete the file and {_REMEDY}",
                )
        return array

    def read_unverified(self, name: str) -> Array:
        """An array as the file has it, for who has compared its bytes before."""
        entry = self.entry(name)
        count = math.prod(entry.shape)
        try:
            array: Array = np.fromfile(self.path, "<f2", count, offset=entry.offset)
        except OSError as error:
            raise _gone(self.path) from error
        if array.size != count:
            raise IntegrityError(
                "the shard is torn", file=self.path, key=name, found=f"{array.size} numbers",
                expected=str(count), remedy=f"delete the file and {_REMEDY}",
            )  # fmt: skip
        return array.reshape(entry.shape)

    def entry(self, name: str) -> ShardEntry:
        """What is said of an array. Raises MissingInputError for one that isn't there."""
        try:
            return self.entries[name]
        except KeyError:
            raise MissingInputError(
                "the shard holds no such array", file=self.path, key=name, remedy=_REMEDY
            ) from None


def write_shard(folder: Path, arrays: Mapping[str, tuple[Array, Key]]) -> Path:
    """Write a shard of finite arrays, and say where; one that is there already stays."""
    entries = {
        name: {"key": key, "sha256": sha256_bytes(_laid_out(array).data)}
        for name, (array, key) in sorted(arrays.items())
    }
    shapes = {name: list(array.shape) for name, (array, _) in arrays.items()}
    path = folder / f"{object_hash([entries, shapes])[:_NAME]}{ENDING}"
    if path.is_file() and _is_whole(path, entries):
        return path
    tensors = {
        name: RawTensor("F16", array.shape, _laid_out(array).tobytes())
        for name, (array, _) in arrays.items()
    }
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    write_tensors(path, tensors, {_ENTRIES: text})
    return path


def _laid_out(array: Array) -> Array:
    return np.ascontiguousarray(array, "<f2")


def _is_whole(path: Path, entries: Mapping[str, Any]) -> bool:
    try:
        shard = open_shard(path)
        for name in entries:
            shard.read(name)
    except (IntegrityError, MissingInputError):
        return False
    return shard.entries.keys() == entries.keys()


def open_shard(path: Path) -> Shard:
    """Read a shard's header. Raises MissingInputError, and IntegrityError for a file that is torn
    or holds something else."""
    try:
        header = read_safetensors_header(path)
        with path.open("rb") as stream:
            start = 8 + int.from_bytes(stream.read(8), "little")
        size = path.stat().st_size
    except OSError as error:
        raise _gone(path) from error
    try:
        said = json.loads(header.pop("__metadata__", {})[_ENTRIES])
        entries = {name: _entry(name, said[name], one, start) for name, one in header.items()}
        whole = said.keys() == entries.keys() and size == max(
            (start + one["data_offsets"][1] for one in header.values()), default=start
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _torn(path) from error
    if not whole:
        raise _torn(path)
    return Shard(path, entries)


def _entry(name: str, said: Mapping[str, Any], tensor: Mapping[str, Any], start: int) -> ShardEntry:
    shape, (begin, end) = tuple(tensor["shape"]), tensor["data_offsets"]
    if tensor["dtype"] != "F16" or end - begin != 2 * math.prod(shape):
        raise ValueError("no array of float16")
    if Path(name).name != name:
        raise ValueError("no name of a file")
    return ShardEntry(dict(said["key"]), str(said["sha256"]), shape, start + begin)


def _gone(path: Path) -> MissingInputError:
    return MissingInputError("the shard can't be read", file=path, remedy=_REMEDY)


def _torn(path: Path) -> IntegrityError:
    return IntegrityError(
        "the shard is torn, or no shard of cached arrays",
        file=path,
        remedy=f"delete the file and {_REMEDY}",
    )

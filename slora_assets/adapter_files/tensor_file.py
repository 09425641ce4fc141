"""Safetensors files read and written as raw bytes: any dtype, no rounding, no torch.

Files are laid out as the safetensors library does it and their headers are sorted, so that equal
content gives equal bytes (huggingface/safetensors `README.md`, "Format").
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

from slora_assets.base_models.weights import TensorEntry, read_safetensors_header
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.provenance import replacing

_BYTES: Final = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4}
"""Types that adapters come in; whole numbers only as alphas."""
_NUMPY: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
_ALIGNMENT: Final = 8


@dataclass(frozen=True)
class RawTensor:
    """A tensor as the file holds it, little-endian and row by row."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def scalar(cls, value: float) -> RawTensor:
        """One number, fp32."""
        return cls("F32", (), np.array(value, "<f4").tobytes())

    def value(self) -> float:
        """The number in a tensor of one."""
        return float(self._numbers().reshape(-1)[0])

    def is_finite(self) -> bool:
        """Whether there is neither NaN nor infinity in it."""
        return bool(np.isfinite(self._numbers()).all())

    def _numbers(self) -> NDArray[np.number]:
        if self.dtype == "BF16":  # the upper half of a float32
            return (np.frombuffer(self.data, "<u2").astype("<u4") << 16).view("<f4")
        return np.frombuffer(self.data, _NUMPY[self.dtype])


def read_tensors(path: Path) -> tuple[dict[str, RawTensor], dict[str, str]]:
    """All tensors of a file and the header's text entries.

    Raises MissingInputError, and IntegrityError for a file that is torn or holds other types.
    """
    if not path.is_file():
        raise MissingInputError("no such file", file=path)
    header = read_safetensors_header(path)
    metadata = header.pop("__metadata__", {})
    with path.open("rb") as stream:
        start = 8 + int.from_bytes(stream.read(8), "little")
        stream.seek(start)
        data = stream.read()
    _check_layout(path, header, len(data))
    return {name: _tensor(path, name, entry, data) for name, entry in header.items()}, metadata


def _check_layout(path: Path, header: Mapping[str, TensorEntry], size: int) -> None:
    """Tensors lie side by side and fill the file, as the format says."""
    at = 0
    for begin, end in sorted(tuple(entry["data_offsets"]) for entry in header.values()):
        if begin != at or end < begin:
            break
        at = end
    else:
        if at == size:
            return
    raise IntegrityError(
        "the file is torn: its tensors overlap, leave gaps or don't fill it",
        file=path,
        found=f"{size} bytes",
        expected="tensors side by side from the first byte to the last",
        remedy="fetch or save the file again",
    )


def _tensor(path: Path, name: str, entry: TensorEntry, data: bytes) -> RawTensor:
    dtype, shape = entry["dtype"], tuple(entry["shape"])
    begin, end = entry["data_offsets"]
    if dtype not in _BYTES:
        raise IntegrityError(
            "adapters don't come in this type",
            file=path,
            key=name,
            found=dtype,
            expected=f"one of {sorted(_BYTES)}",
        )
    if not 0 <= begin <= end <= len(data) or end - begin != math.prod(shape) * _BYTES[dtype]:
        raise IntegrityError(
            "the file is torn: shape, offsets and length don't agree",
            file=path,
            key=name,
            found=f"{dtype}{list(shape)} at {begin} to {end} of {len(data)} bytes",
        )
    return RawTensor(dtype, shape, data[begin:end])


def write_tensors(
    path: Path, tensors: Mapping[str, RawTensor], metadata: Mapping[str, str]
) -> None:
    """Write a file atomically; equal arguments give equal bytes."""
    order = sorted(tensors, key=lambda name: (-_BYTES[tensors[name].dtype], name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name in order:
        tensor = tensors[name]
        end = offset + len(tensor.data)
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text = text.ljust(math.ceil(len(text) / _ALIGNMENT) * _ALIGNMENT, b" ")
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little"))
        stream.write(text)
        for name in order:
            stream.write(tensors[name].data)

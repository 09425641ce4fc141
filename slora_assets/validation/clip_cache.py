"""Clips that many verdicts need, drawn and measured once: footage through the VAE, and the base's
samples.

A file holds the frames, losslessly, the measurements, and the key, which is everything that both
depend on. Its name is the hash of the key; a torn or foreign file is made anew.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slora_assets.processes.cores import cores
from slora_assets.provenance import object_hash, write_bytes
from slora_assets.validation.metrics.temporal_consistency import TemporalScore, measure_temporal
from slora_assets.validation.versions import TEMPORAL_VERSION

Key = dict[str, Any]


@dataclass(frozen=True)
class MeasuredClip:
    """Frames [T, H, W, 3], and how steady they are, held against no reference of motion."""

    frames: NDArray[np.uint8]
    temporal: TemporalScore


def measured(clips: Sequence[NDArray[np.uint8]], fps: float) -> list[MeasuredClip]:
    """Measure clips, as many at a time as there are cores."""
    with ThreadPoolExecutor(cores()) as pool:
        scores = list(pool.map(lambda frames: measure_temporal(frames, fps), clips))
    return [MeasuredClip(*one) for one in zip(clips, scores, strict=True)]


class ClipCache:
    """The measured clips of a folder."""

    def __init__(self, folder: Path, fps: float) -> None:
        self._folder, self._fps = folder, fps

    def together(
        self, keys: Sequence[Key], draw: Callable[[], Sequence[NDArray[np.uint8]]]
    ) -> list[MeasuredClip]:
        """The clips of `keys`; all are drawn anew where one is missing, because clips that are
        drawn in one call may differ in a bit from those drawn apart."""
        keys = [key | {"temporal": TEMPORAL_VERSION, "fps": self._fps} for key in keys]
        files = [self._folder / f"{object_hash(key)}.npz" for key in keys]
        found = [_read(*one) for one in zip(files, keys, strict=True)]
        standing = [clip for clip in found if clip is not None]
        if len(standing) == len(keys):
            return standing
        made = measured(draw(), self._fps)
        for file, key, clip in zip(files, keys, made, strict=True):
            _write(file, key, clip)
        return made


def _read(file: Path, key: Key) -> MeasuredClip | None:
    try:
        with np.load(file, allow_pickle=False) as archive:
            if json.loads(str(archive["key"])) != key:
                return None
            temporal = TemporalScore.model_validate_json(str(archive["temporal"]))
            return MeasuredClip(archive["frames"], temporal)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile):
        return None


def _write(file: Path, key: Key, clip: MeasuredClip) -> None:
    buffer = io.BytesIO()
    texts = {"key": json.dumps(key, sort_keys=True), "temporal": clip.temporal.model_dump_json()}
    arrays: dict[str, Any] = {name: np.array(text) for name, text in texts.items()}
    np.savez_compressed(buffer, frames=clip.frames, **arrays)
    write_bytes(file, buffer.getvalue())

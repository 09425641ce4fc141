"""Latents in shards against a file each: clips/s in training order, cold and warm.

    python benchmarks/shards.py FOLDER

Moments of two sizes are written below FOLDER in every layout, and read in the order of an epoch
(`epoch_order`), cold, then of the next, warm and cold, with what is open by then: with `slora` as a
run's `CacheReader` reads them, hashes and keys compared (of shards when an array is first read),
none kept in memory; with the formats' own readers as they come, nothing compared. Cold: before a
round every file is synced and dropped from the page cache (`posix_fadvise(POSIX_FADV_DONTNEED)`,
which needs no root), and how much of them is left there is counted (`mincore`) and shown. Rounds of
all layouts alternate, the median counts. The last lines resume in the middle of an epoch and
compare bytes.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import hashlib
import math
import mmap
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from shard_formats import FORMATS, Reader, moments

from slora_assets.caches.index import write_index
from slora_assets.caches.reading import CacheReader
from slora_assets.caches.stores import store_of
from slora_assets.caches.validity import latent_key
from slora_assets.config.workspace import Workspace
from slora_assets.documents import BaseIdentity, Clip, Geometry, MatchingEvidence
from slora_assets.training.loop.draws import epoch_order

SIZES = {
    "miniature": ((32, 3, 8, 12), 1000),
    "CogVideoX-2b": ((32, 13, 60, 90), 48),
}
"""Of the moments, and how many clips."""
IDENTITY = BaseIdentity(
    name="bench", revision="r1", licence="Apache-2.0", trained=True,
    parts={"vae": "0a" * 32, "text_encoder": "0b" * 32},
)  # fmt: skip
GEOMETRY = Geometry(frames=9, height=64, width=96, fps=8)
_PAGE = mmap.PAGESIZE // 2


def clip(number: int, folder: str) -> Clip:
    return Clip(
        id=f"clip{number:06d}", source_group=f"s{number}", path=f"v/{number}.mp4",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(), source_start_s=None,
        source_end_s=None, official_split=None, split="train", scenario="bench",
        evidence=MatchingEvidence(matching_captions=[], captions=1, also_matched=[]),
        captions=["a"], prompts=["a"], first_frame=f"frames/{number}.png",
        latent=f"data/prepared/latents/bench/clip{number:06d}.npz",
    )  # fmt: skip


def of_project(root: Path, shape: tuple[int, ...], count: int, shard_mib: int) -> list[Clip]:
    """A workspace with all latents, and the index that makes their bytes known."""
    workspace = Workspace(root, root / "configs", root / "configs" / "x.yaml")
    clips = [clip(number, root.name) for number in range(count)]
    keys = {one.id: latent_key(one, IDENTITY, GEOMETRY) for one in clips}
    store = store_of(workspace.latents / "bench", "moments", shard_mib)
    for number, one in enumerate(clips):
        store.put(root / one.latent, moments(number, shape), keys[one.id])
    store.flush()
    workspace.manifest("bench").parent.mkdir(parents=True)
    workspace.manifest("bench").write_text("{}")
    where = {one.id: store.where(root / one.latent, keys[one.id]) for one in clips}
    write_index(workspace, "latents", "bench", where, IDENTITY)
    return clips


def reader_of(root: Path, clips: Sequence[Clip]) -> Reader:
    workspace = Workspace(root, root / "configs", root / "configs" / "x.yaml")
    reader = CacheReader(workspace, IDENTITY, GEOMETRY)
    return lambda number: reader.moments(clips[number])


def files_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def drop(root: Path) -> float:
    """Have the system forget the files' pages; returns the share that it kept."""
    kept = pages = 0
    libc = ctypes.CDLL(None, use_errno=True)
    for path in files_of(root):
        size = path.stat().st_size
        if not size:
            continue
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            mapped = mmap.mmap(
                stream.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE
            )
        count = -(-size // mmap.PAGESIZE)
        seen = (ctypes.c_ubyte * count)()
        start = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(size), seen)
        kept, pages = kept + sum(one & 1 for one in seen), pages + count
    return kept / max(1, pages)


def epoch(again: Callable[[], Reader], order: Sequence[int]) -> tuple[float, Reader]:
    """Clips per second, opening included; of each a number in every page is touched."""
    began = time.perf_counter()
    read = again()
    for number in order:
        read(number).reshape(-1)[::_PAGE].sum(dtype=np.float32)
    return len(order) / (time.perf_counter() - began), read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shard-mib", type=int, default=128)
    parser.add_argument("--only", choices=SIZES)
    options = parser.parse_args()
    for size in [options.only] if options.only else SIZES:
        measure(options.folder / size, *SIZES[size], size, options.rounds, options.shard_mib)
        shutil.rmtree(options.folder / size)


def measure(
    root: Path, shape: tuple[int, ...], count: int, size: str, rounds: int, mib: int
) -> None:
    nbytes = 2 * int(np.prod(shape))
    print(f"\n{size}: {count} clips of {list(shape)} float16, {nbytes:,} bytes each")
    opened: dict[str, tuple[Path, Callable[[], Reader]]] = {}
    for name, shard_mib in (("slora, a file each", 0), (f"slora, shards of {mib} MiB", mib)):
        place = root / f"slora_{shard_mib}"
        clips = of_project(place, shape, count, shard_mib)
        opened[name] = place, lambda place=place, clips=clips: reader_of(place, clips)
    for name, make in FORMATS.items():
        place = root / make.__name__
        place.mkdir(parents=True)
        try:
            opened[name] = place, make(place, shape, count)
        except ImportError as error:
            print(f"{name}: {error}")
    orders = [epoch_order(count, 1, 0, number) for number in (1, 2, 3)]
    told: dict[str, list[tuple[float, ...]]] = {name: [] for name in opened}
    for _ in range(rounds):
        for name, (place, again) in opened.items():
            kept = drop(place)
            cold, read = epoch(again, orders[0])
            warm, _ = epoch(lambda read=read: read, orders[1])
            mapped = drop(place) > 0.01  # and can't be dropped before it is closed
            later = math.nan if mapped else epoch(lambda read=read: read, orders[2])[0]
            told[name].append((cold, later, warm, kept))
            del read
            gc.collect()
    against = [statistics.median(one[i] for one in told["slora, a file each"]) for i in range(3)]
    print(f"{'clips/s':32} cold              cold, next epoch  warm              files  pages left")
    for name, rows in told.items():
        middle = [statistics.median(row[i] for row in rows) for i in range(3)]
        cells = "".join(
            f"{'mapped':>18}" if math.isnan(m) else f"{m:9.0f} {m / a:5.2f}x  "
            for m, a in zip(middle, against, strict=True)
        )
        place = opened[name][0] / ("data/prepared" if name.startswith("slora") else "")
        held = max(row[3] for row in rows)
        print(f"{name:32} {cells} {len(files_of(place)):5}  {held:.1%}")
    same_after_resume(opened, orders[0])


def same_after_resume(
    opened: dict[str, tuple[Path, Callable[[], Reader]]], order: Sequence[int]
) -> None:
    """An epoch in one go from files, against one from shards that another reader goes on with."""
    digests = []
    for name in list(opened)[:2]:
        digest, half = hashlib.sha256(), len(order) // 2
        parts = [order] if name == "slora, a file each" else [order[:half], order[half:]]
        for part in parts:
            read = opened[name][1]()
            for number in part:
                digest.update(read(number).tobytes())
        digests.append(digest.hexdigest())
    print(
        f"an epoch resumed in its middle from shards, against files: "
        f"{'equal' if len(set(digests)) == 1 else 'NOT EQUAL'}"
    )


if __name__ == "__main__":
    main()

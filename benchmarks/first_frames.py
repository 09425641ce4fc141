"""First frames of real clips, ours beside one `ffmpeg` process per clip, as many at once as cores.

`python benchmarks/first_frames.py FOLDER`: every video below it, under as many names as it takes
to have 104. Both decode, scale by Lanczos to cover 720x480, cut the centre and write a PNG.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from slora_assets.caches.first_frames import HEIGHT, WIDTH, cache_first_frames
from slora_assets.config.dataset_files import VIDEO_SUFFIXES
from slora_assets.provenance import sha256_file

CLIPS, ROUNDS = 104, 3


@dataclass(frozen=True)
class Clip:
    """What the stage needs to know of a clip."""

    id: str
    path: str
    sha256: str
    first_frame: str
    latent: str = ""
    start_s: float = 0.0
    end_s: float | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    sources = real_clips(parser.parse_args().folder)
    print(f"{len(sources)} files, {CLIPS} clips, {os.cpu_count()} cores")
    hashes = {source: sha256_file(source) for source in set(sources)}
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as root:
            clips = [
                Clip(str(at), str(source), hashes[source], f"ours/{at}.png")
                for at, source in enumerate(sources)
            ]
            ours = seconds(lambda clips=clips, root=Path(root): stage(clips, root))
            theirs = seconds(lambda root=Path(root): processes(sources, root))
        cold = " (starts its processes)" if number == 0 else ""
        print(
            f"ours {CLIPS / ours:.1f} clips/s{cold}, ffmpeg {CLIPS / theirs:.1f} clips/s,"
            f" ratio {theirs / ours:.2f}"
        )


def real_clips(folder: Path) -> list[Path]:
    files = sorted(path.absolute() for path in folder.rglob("*") if path.suffix in VIDEO_SUFFIXES)
    found = [path for path in files if path.parent.name != "troublesome"]
    return [found[at % len(found)] for at in range(CLIPS)]


def stage(clips: list[Clip], root: Path) -> None:
    result = cache_first_frames(clips, root, root / "index.json", root / "quarantine.json")
    assert result.made == len(clips), result.quarantined


def processes(sources: list[Path], root: Path) -> None:
    def one(item: tuple[int, Path]) -> None:
        at, source = item
        cover = f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase:flags=lanczos"
        filters = f"{cover},crop={WIDTH}:{HEIGHT}"
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), "-frames:v", "1"]
        subprocess.run([*command, "-vf", filters, str(root / f"{at}.png")], check=True)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, enumerate(sources)))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

"""What it costs to measure one clip as CogVideoX draws it: `python benchmarks/metric_cost.py`.

49 frames of 720x480 with motion, measured in a process of its own by all metrics of validation:
temporal consistency with its parts, CLIP similarity by the shipped scorer, nearest training clip
(of 12). Targets: at most 6 s on two cores and 1 GB, beyond what the imports take. The floor beside
it is the same clip decoded from H.264 once.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import MINIATURE
from slora_assets.footage.decode import decode_clip
from slora_assets.footage.encode import write_mp4

FRAMES, HEIGHT, WIDTH, FPS = 49, 480, 720, 8.0
MOST_S, MOST_GB = 6.0, 1.0


def clip(seed: int) -> NDArray[np.uint8]:
    """A textured ground before which a block of a quarter of the height crosses."""
    import cv2

    random = np.random.default_rng(seed)
    ground = cv2.resize(random.integers(60, 200, (30, 45, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    block = cv2.resize(random.integers(0, 255, (6, 6, 3), dtype=np.uint8), (120, 120))
    frames = np.stack([ground] * FRAMES)
    for number in range(FRAMES):
        left = (20 * seed + 12 * number) % (WIDTH - 120)
        frames[number, 180:300, left : left + 120] = block
    return frames


def measure(connection: Connection) -> None:
    """In a process of its own: seconds by metric and peak memory beyond the imports."""
    from slora_assets.validation.metrics.nearest_clip import TrainingClip, TrainingFootage
    from slora_assets.validation.metrics.scorer import open_scorer
    from slora_assets.validation.metrics.temporal_consistency import measure_temporal

    scorer = open_scorer(MINIATURE, Path(), "cpu")
    shown = clip(1)
    scorer.score(shown[:1], "a warm start")
    measure_temporal(shown[:3, :64, :96], FPS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        write_mp4(file, shown, FPS)
        took = {
            "decoding (floor)": timed(
                lambda: decode_clip(file, frames=FRAMES, width=WIDTH, height=HEIGHT, fps=FPS)
            )
        }
    footage = TrainingFootage(
        [TrainingClip(str(seed), str(seed), clip(seed)[:, ::4, ::4]) for seed in range(2, 14)]
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took["temporal"] = timed(lambda: measure_temporal(shown, FPS))
    took["likeness"] = timed(lambda: scorer.scores(shown, ["a block", "a sea", "a kitchen"]))
    took["nearest training clip"] = timed(lambda: footage.nearest(shown))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    connection.send((took, peak / 2**20))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=measure, args=(theirs,))
    process.start()
    took, gigabytes = mine.recv()
    process.join()
    floor = took.pop("decoding (floor)")
    print(f"decoding (floor): {floor:.2f} s")
    for name, seconds in took.items():
        print(f"{name}: {seconds:.2f} s, {seconds / floor:.1f} of the floor")
    total = sum(took.values())
    print(f"in all: {total:.2f} s (at most {MOST_S:g}), {gigabytes:.2f} GB (at most {MOST_GB:g})")
    sys.exit(0 if total <= MOST_S and gigabytes <= MOST_GB else 1)


if __name__ == "__main__":
    main()

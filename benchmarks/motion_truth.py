"""Measured speed against true speed on rendered clips: `python benchmarks/motion_truth.py`.

Subjects of 1 to 25 % of the frame cross every ground of the sample footage at 0.1 to 1.0 picture
heights per second; each clip is measured as rendered, through the base's VAE, compressed, at half
and at double size. Per variant: rank correlation of measured and true speed (target 0.95), slope
through the origin per size of subject (target 1 within 15 %), and the share of the frame that
moves, measured over true. The status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from altered import compressed, through_vae
from numpy.typing import NDArray
from rendered import FPS, workers
from scipy import stats

from slora_assets.miniature.scenes.actors import Actor
from slora_assets.miniature.scenes.canvas import ASPECT, Canvas, Pixels
from slora_assets.miniature.scenes.figures import HALF_WIDTHS
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.other_looks import OTHER_LOOKS
from slora_assets.miniature.scenes.sample_footage import backdrop, camera, render_frame
from slora_assets.miniature.scenes.sample_plan import ClipPlan, plan_clip
from slora_assets.miniature.weights import architecture
from slora_assets.validation.metrics.motion import Motion
from slora_assets.validation.metrics.temporal_consistency import measure_motion

SEED = 77
"""Neither of the pretraining footage nor of the sample footage."""
SPEEDS = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
SIZES = (0.01, 0.02, 0.04, 0.08, 0.15, 0.25)
CLIPS_EACH = 8
PLACES = (*LOOKS, *OTHER_LOOKS)
VARIANTS = ("raw", "VAE", "crf 28", "half size", "double size")
LEAST_CORRELATION = 0.95
LARGEST_ERROR = 0.15
_CHANGED = 12
"""Sum of the three channels' differences from which on a pixel belongs to the subject."""


@dataclass(frozen=True)
class Asked:
    """A clip to render, and a variant of it to measure."""

    number: int
    speed: float
    """In picture heights per second."""
    size: float
    """Share of the frame that the subject's outline fills."""
    variant: str


class Found(NamedTuple):
    """What was measured, and the share of the frame that the subject really covers."""

    motion: Motion
    share: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="of so many clips one, spread evenly")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    options = parser.parse_args()
    shown = [(speed, size) for speed, size, _ in product(SPEEDS, SIZES, range(CLIPS_EACH))]
    chosen = np.random.default_rng(SEED).permutation(len(shown))[:: options.every]
    print(f"{len(chosen)} clips, {len(PLACES)} grounds")
    print("slope by size of subject; median share of the frame that moves, measured of true")
    print("| variant | rank correlation | " + " | ".join(f"{size:.0%}" for size in SIZES) + " |")
    print("|---" * (2 + len(SIZES)) + "|")
    print(f"| target | {LEAST_CORRELATION} |" + f" 1 ± {LARGEST_ERROR} |" * len(SIZES))
    good = True
    with workers() as pool:
        for variant in options.variants:
            asked = [Asked(int(at), shown[at][0], shown[at][1], variant) for at in chosen]
            good &= report(variant, asked, [*pool.map(measured, asked, chunksize=4)])
    sys.exit(0 if good else 1)


def measured(asked: Asked) -> Found:
    """Render the clip, do to it what the variant says, and measure it as the product does."""
    plan = plan_of(asked)
    height = round(
        architecture.HEIGHT * {"half size": 0.5, "double size": 2.0}.get(asked.variant, 1.0)
    )
    frames, share = rendered(plan, height)
    if asked.variant == "VAE":
        frames = through_vae(frames)
    elif asked.variant == "crf 28":
        frames = compressed(frames, 28)
    return Found(measure_motion(frames, FPS), share)


def plan_of(asked: Asked) -> ClipPlan:
    """One subject of the asked size that crosses the middle of one of the grounds."""
    plan = plan_clip(SEED, asked.number, PLACES[asked.number % len(PLACES)], asked.number)
    actor = plan.actors[0]
    size = float(np.sqrt(asked.size * ASPECT / filled(actor)))
    half, way = size * HALF_WIDTHS[actor.subject], asked.speed * (architecture.FRAMES - 1) / FPS
    room = ASPECT - 2 * half - way
    start = half + room * (float(np.random.default_rng([SEED, asked.number]).random()))
    if room < 0:
        start = half + room / 2
    direction = "left" if actor.direction == "left" else "right"
    moving = replace(
        actor,
        direction=direction,
        x=start if direction == "right" else ASPECT - start,
        y=float(np.clip(actor.y, size / 2, 1 - size / 2)) if size < 1 else 0.5,
        size=size,
        speed=asked.speed,
    )
    return replace(plan, actors=(moving,))


def filled(actor: Actor) -> float:
    """Area of the subject's outline at a height of 1, in squares of the picture's height."""
    empty = 128
    canvas = Canvas(256, (empty,) * 3)
    replace(actor, direction="right", x=ASPECT / 2, y=0.5, size=0.5, speed=0.0).draw(canvas, 0.0)
    drawn = np.abs(canvas.pixels.astype(int) - empty).sum(axis=-1) > 0
    return float(drawn.mean()) * ASPECT / 0.5**2


def rendered(plan: ClipPlan, height: int) -> tuple[Pixels, float]:
    """[T, H, W, 3] at this height, and the share of the frame that the subject changes."""
    drawn_at = 2 * architecture.HEIGHT if height <= architecture.HEIGHT else 2 * height
    ground, sway = backdrop(plan, SEED, drawn_at), camera(plan, SEED)
    empty = replace(plan, actors=())
    pictures, shares = [], []
    for number in range(architecture.FRAMES):
        full, bare = (render_frame(p, ground, sway, number / FPS).pixels for p in (plan, empty))
        changed = np.abs(full.astype(int) - bare).sum(axis=-1) > _CHANGED
        shares.append(float(changed.mean()))
        size = (round(height * ASPECT), height)
        pictures.append(cv2.resize(full, size, interpolation=cv2.INTER_AREA))
    return np.stack(pictures).astype(np.uint8), float(np.mean(shares))


def report(variant: str, asked: Sequence[Asked], found: Sequence[Found]) -> bool:
    """Print a variant's row; whether it reaches both targets."""
    true = np.array([one.speed for one in asked])
    speed = np.array([one.motion.speed for one in found])
    correlation = float(stats.spearmanr(true, speed)[0])
    good, cells = correlation >= LEAST_CORRELATION, []
    for size in SIZES:
        at = np.array([one.size == size for one in asked])
        mine = [one for one, chosen in zip(found, at, strict=True) if chosen]
        slope = slope_of(true[at], speed[at])
        good &= abs(slope - 1) <= LARGEST_ERROR
        share, truth = (
            float(np.median(values))
            for values in ([one.motion.share for one in mine], [one.share for one in mine])
        )
        cells.append(f"{slope:.2f}; {share:.3f} of {truth:.3f}")
    row = " | ".join(cells)
    print(
        f"| {variant} | {correlation:.3f} | {row} |{'' if good else ' <- missed'}",
        flush=True,
    )
    return bool(good)


def slope_of(true: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    """Of the line through the origin."""
    return float((true * measured).sum() / np.square(true).sum()) if len(true) else float("nan")


if __name__ == "__main__":
    main()

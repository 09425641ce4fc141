"""Are copies of training clips found, and nothing else? `python benchmarks/planted_copies.py`

Of each scenario 8 rendered training clips are planted in 30 alterations (shifted, re-encoded,
through the base's VAE, rescaled, cut, brighter, mirrored, and several of these), beside 40 held-out
clips of the same scenario, half of them cut from the sources of training clips. Printed are the
copies found under the right name, by alteration, and the held-out clips taken for copies; those
which show what a training clip shows, to the pixel and by chance, are counted apart. Then what
perceptual hashes and the scorer's embeddings would take for copies, were they set to find as many
as 95 %. With `--workspace`, what a finished workspace's samples turn out to be. Half an hour.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import as_runs_do  # noqa: F401  # first
import imagehash
import numpy as np
from altered import compressed, cut, lit, mirrored, scaled, through_vae
from numpy.typing import NDArray
from PIL import Image
from rendered import one_thread

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.footage.decode import decode_clip
from slora_assets.miniature.scenes.canvas import ASPECT, Pixels
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import ClipPlan, plan_clip, plan_footage
from slora_assets.miniature.weights import architecture
from slora_assets.validation.metrics.nearest_clip import TrainingClip, TrainingFootage
from slora_assets.validation.metrics.scorer import open_scorer

Change = Callable[[Pixels], Pixels]
Vectors = NDArray[np.floating]

PLANTED, HELD_OUT = 8, 40
SEED = 0
TWINS = "chance, a training clip's twins,"
_FIRST_HELD_OUT = 1000
"""Held-out clips have numbers from this times the seed on, which no footage has."""


def filmed(plan: ClipPlan, seed: int, start: float = 0.0) -> Pixels:
    """A clip [9, 64, 96, 3] from its frame `start` on."""
    times = [(start + number) / architecture.FPS for number in range(architecture.FRAMES)]
    return small_frames(plan, seed, times)


def training_plans(scenario: str) -> list[ClipPlan]:
    plans = plan_footage(SEED, clips_per_scenario=24, others=40)
    return [plan for plan in plans if plan.place == scenario and plan.split == "train"]


def held_out(
    scenario: str, training: Sequence[ClipPlan], seed: int
) -> Iterator[tuple[str, ClipPlan, Pixels]]:
    """Clips nobody trained on, cut from training clips' sources, then from others; HELD_OUT of
    them, not counting those that chance made a training clip's twin."""
    number, left = _FIRST_HELD_OUT * seed, {"a training clip's source": HELD_OUT // 2}
    left["another source"] = HELD_OUT - HELD_OUT // 2
    for kind, count in left.items():
        footage = SEED if kind != "another source" else seed
        while count:
            number += 1
            source = training[number % len(training)].source if footage == SEED else number
            plan = plan_clip(footage, number, scenario, source, alone=0.8)
            is_twin = any(twins(plan, other) for other in training)
            count -= not is_twin
            yield TWINS if is_twin else kind, plan, filmed(plan, footage)


def twins(plan: ClipPlan, other: ClipPlan) -> bool:
    """Whether two clips show the same alone, by their plans: subject, colour and size (to 5 %), and
    at some shift of whole frames the same way (to a pixel), mirrored or not."""
    if len(plan.actors) > 1 or len(other.actors) > 1:
        return False
    one, two = plan.actors[0], other.actors[0]
    if (one.subject, one.colour) != (two.subject, two.colour):
        return False
    if abs(one.size / two.size - 1) > 0.05:
        return False
    mirrored = one.direction != two.direction
    times = np.arange(architecture.FRAMES) / architecture.FPS
    ways = [np.array([actor.position(time) for time in times]) for actor in (one, two)]
    if mirrored:
        ways[1][:, 0] = ASPECT - ways[1][:, 0]
    most = architecture.FRAMES // 2
    for shift in range(-most, most + 1):
        mine = ways[0][max(0, -shift) : architecture.FRAMES - max(0, shift)]
        theirs = ways[1][max(0, shift) : architecture.FRAMES - max(0, -shift)]
        if np.linalg.norm(mine - theirs, axis=1).max() < 1 / architecture.HEIGHT:
            return True
    return False


def alterations() -> list[tuple[str, int, tuple[Change, ...]]]:
    """A name, how many frames later the clip begins, and what is done to it then."""
    code, film = partial(compressed, crf=28), through_vae
    small, large = partial(scaled, factor=0.85), partial(scaled, factor=1.2)
    middle, corner = partial(cut, share=0.05, side=0.5), partial(cut, share=0.05, side=0.8)
    other = partial(cut, share=0.04, side=0)
    bright, dark = partial(lit, gain=1.15, level=6), partial(lit, gain=0.85, level=-4)
    return [
        ("as it is", 0, ()),
        ("shift 1", 1, ()),
        ("shift 2", 2, ()),
        ("shift 3", 3, ()),
        ("shift 4", 4, ()),
        ("crf 28", 0, (code,)),
        ("crf 34", 0, (partial(compressed, crf=34),)),
        ("VAE", 0, (film,)),
        ("VAE twice", 0, (film, film)),
        ("scale 0.85", 0, (small,)),
        ("scale 1.2", 0, (large,)),
        ("bright", 0, (bright,)),
        ("dark", 0, (dark,)),
        ("cut 5 %", 0, (middle,)),
        ("cut 5 % to a side", 0, (corner,)),
        ("mirrored", 0, (mirrored,)),
        ("shift 2, crf 28", 2, (code,)),
        ("shift 4, crf 28", 4, (code,)),
        ("shift 2, VAE", 2, (film,)),
        ("shift 4, VAE", 4, (film,)),
        ("VAE, crf 28", 0, (film, code)),
        ("shift 1, VAE, crf 28", 1, (film, code)),
        ("VAE, bright", 0, (film, bright)),
        ("VAE, cut 4 % to a side", 0, (film, other)),
        ("VAE, scale 0.85, crf 28", 0, (film, small, code)),
        ("mirrored, VAE", 0, (mirrored, film)),
        ("mirrored, shift 3, crf 28", 3, (mirrored, code)),
        ("cut 5 %, dark, crf 28", 0, (middle, dark, code)),
        ("shift 2, scale 1.2, bright", 2, (large, bright)),
        ("shift 3, cut 5 %, VAE", 3, (middle, film)),
    ]


class Baseline:
    """Frames as vectors whose product says how like they are, and clips by their mean best match:
    what deciding by pictures alone would give."""

    def __init__(self, name: str, vectors: Callable[[Pixels], Vectors]) -> None:
        self.name, self._vectors = name, vectors
        self._training: list[Vectors] = []
        self.copies: list[float] = []
        self.others: list[float] = []

    def train(self, clips: Sequence[Pixels]) -> None:
        self._training = [self._vectors(clip) for clip in clips]

    def score(self, frames: Pixels) -> float:
        own = self._vectors(frames)
        return max(float((own @ one.T).max(axis=1).mean()) for one in self._training)

    def taken(self) -> int:
        """Held-out clips that would be taken for copies at the limit that finds 95 %."""
        limit = np.quantile(self.copies, 0.05)
        return sum(score >= limit for score in self.others)


def hashes(frames: Pixels) -> Vectors:
    """[T, 64]: perceptual hashes as vectors of length one."""
    bits = np.stack([imagehash.phash(Image.fromarray(one)).hash.ravel() for one in frames])
    return (bits * 2.0 - 1) / 8


def main() -> int:
    """Print what is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", nargs="*", default=list(LOOKS))
    parser.add_argument("--seed", type=int, default=1, help="of the held-out clips, from 1 on")
    parser.add_argument("--workspace", type=Path, help="a finished workspace; its samples alone")
    options = parser.parse_args()
    if options.workspace is not None:
        return judge(options.workspace, options.scenarios)
    one_thread()
    scorer = open_scorer(MINIATURE, Workspace.from_environment().models, "cpu")
    changes = alterations()
    baselines = [Baseline("perceptual hashes", hashes), Baseline("embeddings", scorer.embed)]
    found: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    halves = Counter[str]()
    for scenario in options.scenarios:
        plans = training_plans(scenario)
        clips = [TrainingClip(p.video_id, str(p.source), filmed(p, SEED)) for p in plans]
        footage = TrainingFootage(clips)
        least = footage.calibration.least_distance
        print(
            f"{scenario}: {len(clips)} training clips, distance between distinct ones at least "
            f"{least:.2f}, limit {footage.calibration.limit:.2f}",
            flush=True,
        )
        for baseline in baselines:
            baseline.train([clip.frames for clip in clips])
        for name, shift, steps in changes:
            for plan in plans[:PLANTED]:
                frames = filmed(plan, SEED, shift)
                for step in steps:
                    frames = step(frames)
                nearest = footage.nearest(frames)
                found[name] += nearest.copied and nearest.clip_id == plan.video_id
                for baseline in baselines:
                    baseline.copies.append(baseline.score(frames))
        for kind, _, frames in held_out(scenario, plans, options.seed):
            nearest = footage.nearest(frames)
            tried[kind] += 1
            taken[kind] += nearest.copied
            if kind == TWINS:
                continue
            for baseline in baselines:
                baseline.others.append(baseline.score(frames))
        for part in (0.25, 0.5):
            for plan in plans[:PLANTED]:
                halves[f"{part}"] += footage.nearest(filmed(plan, SEED, part)).copied
    each = PLANTED * len(options.scenarios)
    for name, count in found.items():
        print(f"  {name:28}{count:4} of {each}")
    whole = each * len(changes)
    print(f"copies found, rightly named: {found.total()} of {whole} ({found.total() / whole:.1%})")
    for kind, count in taken.items():
        print(f"held-out clips of {kind} taken for copies: {count} of {tried[kind]}")
    for baseline in baselines:
        others = len(baseline.others)
        print(f"{baseline.name}, finding 95 %, would take {baseline.taken()} of {others} held out")
    for part, count in halves.items():
        print(f"not promised: shifted by {part} of a frame, found {count} of {each}")
    wrongly = taken.total() - taken[TWINS]
    return 0 if found.total() >= 0.95 * whole and not wrongly else 1


def judge(root: Path, scenarios: Sequence[str]) -> int:
    """Print what the samples of a finished workspace are nearest to."""
    geometry = open_base(MINIATURE, root).geometry
    shape = geometry.model_dump()
    for scenario in scenarios:
        manifest = read_manifest(root / "data" / "metadata" / "manifests" / f"{scenario}.json")
        clips = [
            TrainingClip(
                clip.id,
                clip.source_group,
                decode_clip(root / clip.path, **shape, start_s=clip.start_s),
            )
            for clip in manifest.clips
            if clip.split == "train"
        ]
        footage = TrainingFootage(clips)
        print(f"{scenario}: {len(clips)} training clips, {footage.calibration}")
        for side in ("base", "adapter"):
            folder = root / "outputs" / "validation" / scenario / "samples" / side
            files = sorted(folder.glob("*.mp4"))
            nearest = [footage.nearest(decode_clip(file, **shape)) for file in files]
            near = sorted(zip(nearest, files, strict=True), key=lambda one: -one[0].similarity)
            print(
                f"  {side}: {sum(one.copied for one in nearest)} of {len(files)} copied; nearest:"
            )
            for one, file in near[:3]:
                print(
                    f"    {file.stem} to {one.clip_id}: similarity {one.similarity:.3f}, "
                    f"a copy from {one.limit:.3f} ({one.evidence})"
                )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

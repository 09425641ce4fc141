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
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import as_runs_do  # noqa: F401  # first
import av
import cv2
import imagehash
import numpy as np
import torch
from PIL import Image

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.parts import Vae
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.footage.decode import decode_clip
from slora_assets.miniature.scenes.canvas import ASPECT
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import ClipPlan, plan_clip, plan_footage
from slora_assets.miniature.weights import architecture
from slora_assets.validation.metrics.nearest_clip import TrainingClip, TrainingFootage
from slora_assets.validation.metrics.scorer import open_scorer

Frames = np.ndarray
Change = Callable[[Frames], Frames]

PLANTED, HELD_OUT = 8, 40
SEED = 0
TWINS = "chance, a training clip's twins,"
_FIRST_HELD_OUT = 1000
"""Held-out clips have numbers from this times the seed on, which no footage has."""


def filmed(plan: ClipPlan, seed: int, start: float = 0.0) -> Frames:
    """A clip [9, 64, 96, 3] from its frame `start` on."""
    times = [(start + number) / architecture.FPS for number in range(architecture.FRAMES)]
    return small_frames(plan, seed, times)


def training_plans(scenario: str) -> list[ClipPlan]:
    plans = plan_footage(SEED, clips_per_scenario=24, others=40)
    return [plan for plan in plans if plan.place == scenario and plan.split == "train"]


def held_out(
    scenario: str, training: Sequence[ClipPlan], seed: int
) -> Iterator[tuple[str, ClipPlan, Frames]]:
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


def recoded(crf: int, frames: Frames) -> Frames:
    """Through H.264 at a constant rate factor."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=architecture.FPS)
        stream.height, stream.width = (side // 2 * 2 for side in frames.shape[1:3])
        stream.pix_fmt, stream.options = "yuv420p", {"crf": str(crf), "threads": "1"}
        for frame in frames[:, : stream.height, : stream.width]:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        return np.stack([one.to_ndarray(format="rgb24") for one in container.decode(video=0)])


def through_vae(vae: Vae, frames: Frames) -> Frames:
    """Encoded and decoded again."""
    clip = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    with torch.inference_mode():
        moments = vae.encode(clip).latent_dist.parameters
        decoded = vae.decode(moments.chunk(2, dim=1)[0], return_dict=False)[0]
    pixels = (decoded[0].permute(1, 2, 3, 0).clamp(-1, 1) + 1) * 127.5
    return pixels.round().byte().numpy()


def scaled(factor: float, frames: Frames) -> Frames:
    """At another resolution."""
    size = (round(frames.shape[2] * factor), round(frames.shape[1] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, size, interpolation=how) for frame in frames])


def cut(share: float, side: float, frames: Frames) -> Frames:
    """Less `share` of height and width; `side` 0 cuts the beginning off, 1 the end, 0.5 both."""
    height, width = frames.shape[1:3]
    high, wide = round(height * (1 - share)), round(width * (1 - share))
    top, left = round((height - high) * side), round((width - wide) * (1 - side))
    part = frames[:, top : top + high, left : left + wide]
    return np.stack([cv2.resize(np.ascontiguousarray(one), (width, height)) for one in part])


def lit(gain: float, level: float, frames: Frames) -> Frames:
    return np.clip(frames * gain + level, 0, 255).round().astype(np.uint8)


def mirrored(frames: Frames) -> Frames:
    return np.ascontiguousarray(frames[:, :, ::-1])


def alterations(vae: Vae) -> list[tuple[str, int, tuple[Change, ...]]]:
    """A name, how many frames later the clip begins, and what is done to it then."""
    code, film = partial(recoded, 28), partial(through_vae, vae)
    small, large = partial(scaled, 0.85), partial(scaled, 1.2)
    middle, corner, other = partial(cut, 0.05, 0.5), partial(cut, 0.05, 0.8), partial(cut, 0.04, 0)
    bright, dark = partial(lit, 1.15, 6), partial(lit, 0.85, -4)
    return [
        ("as it is", 0, ()),
        ("shift 1", 1, ()),
        ("shift 2", 2, ()),
        ("shift 3", 3, ()),
        ("shift 4", 4, ()),
        ("crf 28", 0, (code,)),
        ("crf 34", 0, (partial(recoded, 34),)),
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

    def __init__(self, name: str, vectors: Callable[[Frames], Frames]) -> None:
        self.name, self._vectors = name, vectors
        self._training: list[Frames] = []
        self.copies: list[float] = []
        self.others: list[float] = []

    def train(self, clips: Sequence[Frames]) -> None:
        self._training = [self._vectors(clip) for clip in clips]

    def score(self, frames: Frames) -> float:
        own = self._vectors(frames)
        return max(float((own @ one.T).max(axis=1).mean()) for one in self._training)

    def taken(self) -> int:
        """Held-out clips that would be taken for copies at the limit that finds 95 %."""
        limit = np.quantile(self.copies, 0.05)
        return sum(score >= limit for score in self.others)


def hashes(frames: Frames) -> Frames:
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
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    models = Workspace.from_environment().models
    vae = open_base("miniature", models).load_vae("cpu")
    scorer = open_scorer("miniature", models, "cpu")
    changes = alterations(vae)
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
    geometry = open_base("miniature", root).geometry
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

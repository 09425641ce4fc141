"""The gate's answer about adapters whose truth is known: `python benchmarks/gate_truth.py`.

A perfect adapter is made of rendered clips that show exactly what each of a scenario's validation
prompts asks for, at the speeds of its footage, from other seeds, as the base's VAE gives them back.
Base clips are those of a finished demo (SLORA_WORKSPACE, which is only read) or sampled anew with
`--sample`; what both are held against is the demo's footage. Each resampling draws a clip per
prompt, and `judge()` answers. Targets: the perfect adapter passes 95 % of the time, the same
compressed or at half size and back 90 %, a damaged one never. `--keep FOLDER` keeps measured clips
for the next time. The status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rendered import FPS, compressed, one_thread, plan_of, resized, through_vae, workers

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.reading import CacheReader
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import GateSettings, ValidationPrompts, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.manifest import read_manifest
from slora_assets.curation.validation_prompts import Prompt, other_prompts, prompts_of
from slora_assets.documents import FootageClip, GateDecision, PromptPair
from slora_assets.footage.decode import decode_clip
from slora_assets.footage.encode import write_mp4
from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import ClipPlan
from slora_assets.miniature.weights import architecture
from slora_assets.provenance import Json, object_hash, read_json, sha256_file, write_json
from slora_assets.validation.footage import measure_footage
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.metrics.scorer import open_scorer, scorer_identity
from slora_assets.validation.metrics.temporal_consistency import (
    TEMPORAL_VERSION,
    TemporalScore,
    measure_temporal,
)
from slora_assets.validation.pairs import paired
from slora_assets.validation.sampling import Sample, new_drawing

SEED: Final = 9002
"""Neither of the sample footage nor of the pretraining footage."""
SCENARIOS: Final = tuple(LOOKS)
METRICS: Final = ("clip_similarity", "scenario_margin", "steadiness", "motion_jitter")
METRICS_SHOWN: Final = (*METRICS, "motion_speed")
BASE: Final = "the base's own clips"
SLOW: Final = "half the speed"
ANOTHER: Final = "another scenario's clips"
ELSEWHERE: Final = "right subjects, another place"
NOISE: Final = "noise"

Motive = tuple[str, str, str]
"""Colour, subject and way: what prompts of several wordings ask for alike."""


@dataclass(frozen=True)
class Kind:
    """A kind of adapter, and how often it should pass."""

    least: float = 0.0
    most: float = 1.0

    def reached(self, share: float) -> bool:
        return self.least <= share <= self.most


KINDS: Final[dict[str, Kind]] = {
    "perfect": Kind(least=0.95),
    "crf 23": Kind(least=0.9),
    "half size and back": Kind(least=0.9),
    "frozen": Kind(most=0.0),
    "frames shuffled": Kind(most=0.0),
    "jittered by 2 px": Kind(most=0.0),
    "flickering by 5 %": Kind(most=0.0),
    SLOW: Kind(most=0.0),
    ANOTHER: Kind(most=0.0),
    ELSEWHERE: Kind(most=0.0),
    NOISE: Kind(most=0.0),
    BASE: Kind(most=0.0),
}


@dataclass(frozen=True)
class Shown:
    """A clip to make and to measure: of a rendered plan, a video file, or a clip to damage."""

    kind: str
    number: int
    source: ClipPlan | Path | Pixels
    texts: tuple[str, ...]
    """What its likeness is asked to: prompts first, then those of other scenarios."""

    def key(self) -> str:
        """Changes with whatever the clip and its measurements depend on."""
        if isinstance(self.source, ClipPlan):
            name = repr(self.source)
        elif isinstance(self.source, Path):
            name = sha256_file(self.source)
        else:
            name = hashlib.sha256(self.source.tobytes()).hexdigest()
        return object_hash([self.kind, self.number, name, [*self.texts], TEMPORAL_VERSION])


@dataclass(frozen=True)
class Measured:
    """A clip, [T, H, W, 3], and what was measured on it."""

    frames: Pixels
    temporal: TemporalScore
    likeness: Mapping[str, float]

    def sample(self, prompt: Prompt, contrasts: Sequence[str]) -> Sample:
        """As a sample of this prompt."""
        own = self.likeness[prompt.text]
        margin = own - fmean(self.likeness[text] for text in contrasts)
        return Sample(prompt, 1, self.frames, self.temporal, own, margin)


@dataclass(frozen=True)
class _ReadOnly(Workspace):
    """A workspace that is only read: what its footage scores is kept elsewhere."""

    kept: Path = Path()

    @property
    def footage_scores(self) -> Path:
        return self.kept / "footage_scores"


@dataclass(frozen=True)
class Bench:
    """What all scenarios and kinds share."""

    workspace: Workspace
    base: VideoBase
    prompts: ValidationPrompts
    gate: GateSettings
    kept: Path
    resamplings: int
    clips: Mapping[str, int]
    """By kind: clips for each motive."""
    sample: bool
    pool: ProcessPoolExecutor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=SCENARIOS)
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS], default=[*KINDS])
    parser.add_argument("--resamplings", type=int, default=200)
    parser.add_argument("--clips", type=int, default=4, help="for each prompt, of harmless kinds")
    parser.add_argument("--damaged", type=int, default=2, help="the same, of harmful kinds")
    parser.add_argument("--bootstrap", type=int, default=500, help="resamples of each bound")
    parser.add_argument("--keep", type=Path, help="folder for measured clips")
    parser.add_argument("--sample", action="store_true", help="sample the base anew")
    options = parser.parse_args()
    one_thread()
    with tempfile.TemporaryDirectory() as scratch, workers() as pool:
        bench = new_bench(options, options.keep or Path(scratch), pool)
        print(
            f"{options.resamplings} resamplings, {options.bootstrap} bootstrap samples", flush=True
        )
        good = [of_scenario(bench, scenario, options.kinds) for scenario in options.scenarios]
    sys.exit(0 if all(good) else 1)


def new_bench(options: argparse.Namespace, kept: Path, pool: ProcessPoolExecutor) -> Bench:
    workspace = _ReadOnly(**vars(Workspace.from_environment()), kept=kept)
    prompts = read_validation_prompts(workspace.validation_prompts)
    return Bench(
        workspace,
        open_base(MINIATURE, workspace.models),
        prompts,
        prompts.gate.model_copy(update={"bootstrap_samples": options.bootstrap}),
        kept,
        options.resamplings,
        {name: options.clips if kind.least else options.damaged for name, kind in KINDS.items()},
        options.sample,
        pool,
    )


def of_scenario(bench: Bench, scenario: str, kinds: Sequence[str]) -> bool:
    """Judge all kinds of adapters of a scenario and print a row for each; whether all targets are
    reached."""
    asked = prompts_of(bench.prompts, scenario, ())
    contrasts = other_prompts(bench.prompts, scenario)
    footage = footage_of(bench, scenario, contrasts)
    texts = tuple(prompt.text for prompt in asked) + tuple(contrasts)
    base = [
        one.sample(prompt, contrasts)
        for prompt, one in zip(asked, base_clips(bench, asked, texts), strict=True)
    ]
    print(f"\n{scenario}: {len(asked)} prompts, {len(footage)} clips of footage\n")
    print(
        "| kind | passes | target | failing or doubtful for | " + " | ".join(METRICS_SHOWN) + " |"
    )
    print("|---" * (4 + len(METRICS_SHOWN)) + "|")
    print_scores("footage", [clip.scores for clip in footage])
    print_scores("base", [one.metrics() for one in base])
    good = True
    for name in kinds:
        if name == BASE:
            pairs = paired(base, base, bench.gate.same_clip)
            decisions, scores = [answer(bench, pairs, footage)], [one.metrics() for one in base]
        else:
            pools = clips_of(bench, scenario, name, asked, texts)
            decisions = judged(bench, asked, contrasts, base, pools, footage)
            scores = [
                one.sample(prompt, contrasts).metrics()
                for prompt in asked
                for one in pools[motive(prompt)]
            ]
        share = fmean(one.answer == "pass" for one in decisions)
        reached = KINDS[name].reached(share)
        good &= reached
        target = f"≥ {KINDS[name].least:.0%}" if KINDS[name].least else f"≤ {KINDS[name].most:.0%}"
        print_scores(name, scores, f"{share:.1%}", target, reasons(decisions), missed=not reached)
    return good


def motive(prompt: Prompt) -> Motive:
    """What a prompt shows: its subject's colour and kind, and the way it goes."""
    if prompt.subject is None or prompt.motion is None:
        sys.exit(f"{prompt.id} has no labels that say what it shows: {prompt.text}")
    colour, subject = prompt.subject.split()
    return colour, subject, prompt.motion.split()[-1]


def footage_of(bench: Bench, scenario: str, contrasts: list[str]) -> list[FootageClip]:
    """The scenario's footage, measured as the product does."""
    manifest = read_manifest(bench.workspace.manifest(scenario))
    scorer = open_scorer(MINIATURE, bench.workspace.models, "cpu")
    found = measure_footage(
        bench.workspace, bench.base, scorer, manifest.clips, {scenario: contrasts}, "cpu"
    )
    return found[scenario]


def base_clips(bench: Bench, asked: Sequence[Prompt], texts: tuple[str, ...]) -> list[Measured]:
    """The base's clip of each prompt."""
    scenario, seed = asked[0].scenario, bench.prompts.seeds[0]
    folder = bench.workspace.validation(scenario) / "samples" / "base"
    if bench.sample:
        folder = bench.kept / "base" / scenario
        sample_base(bench, asked, folder)
    files = [folder / f"{prompt.id}_{seed}.mp4" for prompt in asked]
    shown = [Shown(BASE, at, file, texts) for at, file in enumerate(files)]
    return measured(bench, f"{scenario} base", shown)


def sample_base(bench: Bench, asked: Sequence[Prompt], folder: Path) -> None:
    """Sample the prompts with the base alone, as validation does."""
    workspace, base = bench.workspace, bench.base
    settings = read_settings(workspace.training_config, TrainingSettings)
    reader = CacheReader(workspace, base.identity(), base.geometry)
    drawing = new_drawing(base, settings.validation, reader.embedding)
    pipeline = base.pipeline("cpu", settings.sampling_dtype("cpu"), text=False)
    seed = bench.prompts.seeds[0]
    clips = drawing.clips(pipeline, asked, [seed])
    for prompt, frames in zip(asked, clips, strict=True):
        write_mp4(folder / f"{prompt.id}_{seed}.mp4", frames, FPS)


def clips_of(
    bench: Bench, scenario: str, kind: str, asked: Sequence[Prompt], texts: tuple[str, ...]
) -> dict[Motive, list[Measured]]:
    """Clips of a kind of adapter for each motive of a scenario's prompts: prompts that ask for the
    same draw from the same clips, but never the same one."""
    motives = list(dict.fromkeys(motive(prompt) for prompt in asked))
    count = bench.clips[kind]
    if kind in DAMAGES:
        perfect = clips_of(bench, scenario, "perfect", asked, texts)
        sources = [one.frames for wanted in motives for one in perfect[wanted][:count]]
        shown = [Shown(kind, at, source, texts) for at, source in enumerate(sources)]
    else:
        shown = [
            Shown(kind, number, plan, texts)
            for number, plan in plans_of(bench, scenario, kind, motives)
        ]
    found = measured(bench, f"{scenario} {kind}", shown)
    return {wanted: found[at * count : (at + 1) * count] for at, wanted in enumerate(motives)}


def plans_of(
    bench: Bench, scenario: str, kind: str, motives: Sequence[Motive]
) -> Iterator[tuple[int, ClipPlan]]:
    """Numbers and plans of a kind's clips, motive by motive."""
    other = SCENARIOS[(SCENARIOS.index(scenario) + 1) % len(SCENARIOS)]
    answers = list(motives)
    if kind == ANOTHER:
        theirs = prompts_of(bench.prompts, other, ())
        answers = list(dict.fromkeys(motive(prompt) for prompt in theirs))[: len(motives)]
    planned_in = other if kind == ANOTHER else scenario
    shown_in = other if kind in (ANOTHER, ELSEWHERE) else scenario
    for at, shown in enumerate(answers):
        for turn in range(bench.clips[kind]):
            number = 10_000 * SCENARIOS.index(planned_in) + 100 * at + turn
            yield number, replace(plan_of(SEED, number, planned_in, *shown), place=shown_in)


def measured(bench: Bench, title: str, shown: Sequence[Shown]) -> list[Measured]:
    """Make and measure clips, or take those that were kept."""
    scorer = scorer_identity(MINIATURE, bench.workspace.models)
    name = object_hash([scorer, [one.key() for one in shown]])
    scores, pictures = bench.kept / f"{name}.json", bench.kept / f"{name}.npz"
    if not scores.is_file():
        print(f"{title}: measuring {len(shown)} clips", file=sys.stderr, flush=True)
        made = [*bench.pool.map(measure, shown, chunksize=2)]
        bench.kept.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(pictures, frames=np.stack([one.frames for one in made]))
        kept: list[Json] = [
            {"temporal": one.temporal.model_dump(mode="json"), "likeness": dict(one.likeness)}
            for one in made
        ]
        write_json(scores, kept)
        return made
    frames = np.load(pictures)["frames"]
    rows: Any = read_json(scores, remedy="delete the folder")
    return [
        Measured(picture, TemporalScore.model_validate(row["temporal"]), row["likeness"])
        for picture, row in zip(frames, rows, strict=True)
    ]


_SCORER: list[Any] = []


def measure(shown: Shown) -> Measured:
    """Make a clip and measure it as validation does."""
    if not _SCORER:
        one_thread()
        _SCORER.append(open_scorer(MINIATURE, Workspace.from_environment().models, "cpu"))
    frames = made(shown)
    scores = _SCORER[0].scores(frames, shown.texts)
    likeness = dict(zip(shown.texts, scores, strict=True))
    return Measured(frames, measure_temporal(frames, FPS), likeness)


def made(shown: Shown) -> Pixels:
    """The clip as its kind of adapter draws it."""
    if isinstance(shown.source, Path):
        return decode_clip(
            shown.source,
            frames=architecture.FRAMES,
            width=architecture.WIDTH,
            height=architecture.HEIGHT,
            fps=FPS,
        )
    rng = np.random.default_rng([SEED, 7, shown.number])
    if not isinstance(shown.source, ClipPlan):
        return DAMAGES[shown.kind](shown.source, rng)
    slower = 2 if shown.kind == SLOW else 1
    times_s = [number / FPS / slower for number in range(architecture.FRAMES)]
    frames = small_frames(shown.source, SEED, times_s)
    if shown.kind == NOISE:
        frames = rng.integers(0, 256, frames.shape, dtype=np.uint8)
    return through_vae(frames)


def halved(frames: Pixels, rng: np.random.Generator) -> Pixels:
    """At half size, and back."""
    height, width = frames.shape[1:3]
    return resized(resized(frames, width // 2, height // 2), width, height)


def jittered(frames: Pixels, rng: np.random.Generator) -> Pixels:
    """Each frame moved by up to 2 pixels either way."""
    return np.stack([shifted(one, *rng.integers(-2, 3, 2)) for one in frames])


def flickering(frames: Pixels, rng: np.random.Generator) -> Pixels:
    """Frames by turns 5 % lighter and darker."""
    light = 1 + 0.05 * np.where(np.arange(len(frames)) % 2, 1.0, -1.0)
    lit = np.rint(frames * light[:, None, None, None])
    return np.clip(lit, 0, 255).astype(np.uint8)


def shifted(picture: NDArray[np.uint8], across: int, down: int) -> NDArray[np.uint8]:
    """The picture moved by whole pixels, its edges repeated."""
    way = np.array([[1, 0, across], [0, 1, down]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, way, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


DAMAGES: Final[dict[str, Callable[[Pixels, np.random.Generator], Pixels]]] = {
    "crf 23": lambda frames, rng: compressed(frames, 23),
    "half size and back": halved,
    "frozen": lambda frames, rng: np.repeat(frames[:1], len(frames), axis=0),
    "frames shuffled": lambda frames, rng: frames[rng.permutation(len(frames))],
    "jittered by 2 px": jittered,
    "flickering by 5 %": flickering,
}
"""What becomes of a perfect adapter's clips; other kinds draw something else."""


def judged(
    bench: Bench,
    asked: Sequence[Prompt],
    contrasts: Sequence[str],
    base: Sequence[Sample],
    pools: Mapping[Motive, Sequence[Measured]],
    footage: Sequence[FootageClip],
) -> list[GateDecision]:
    """The gate's decision about each resampling.

    Every clip is paired once with every prompt that may draw it, by the product's own pairing:
    layer after layer, in each of which no two prompts have the same clip.
    """
    order = {key: [p for p in asked if motive(p) == key] for key in pools}
    place = {prompt.id: mine.index(prompt) for mine in order.values() for prompt in mine}
    count = len(next(iter(pools.values())))
    if count < max(len(mine) for mine in order.values()):
        sys.exit(f"{count} clips for each motive are too few for prompts that share it")
    layers = []
    for layer in range(count):
        drawn = [pools[motive(p)][(layer + place[p.id]) % count] for p in asked]
        samples = [one.sample(p, contrasts) for p, one in zip(asked, drawn, strict=True)]
        layers.append(paired(base, samples, bench.gate.same_clip))
    if any(
        [one.counts_as for one in layer] != [one.counts_as for one in layers[0]] for layer in layers
    ):
        print("some clips of different seeds are nearly equal", file=sys.stderr)
    rng = np.random.default_rng(SEED)
    decisions = []
    for _ in range(bench.resamplings):
        chosen = {key: rng.permutation(count) for key in pools}
        pairs = []
        for at, prompt in enumerate(asked):
            turn = place[prompt.id]
            pairs.append(layers[(int(chosen[motive(prompt)][turn]) - turn) % count][at])
        decisions.append(answer(bench, pairs, footage))
    return decisions


def answer(
    bench: Bench, pairs: Sequence[PromptPair], footage: Sequence[FootageClip]
) -> GateDecision:
    return judge(pairs, footage, bench.gate, trusted=True, untrusted_reason=None)


def reasons(decisions: Sequence[GateDecision]) -> str:
    """The commonest reasons of decisions that are no pass, without their figures."""
    failing = [one for one in decisions if one.answer != "pass"]
    if not failing:
        return ""
    found = Counter(kind for one in failing for kind in {short(r) for r in one.reasons})
    return "; ".join(f"{kind} ({n / len(failing):.0%})" for kind, n in found.most_common(3))


def short(reason: str) -> str:
    """A reason's first words."""
    return re.split(r" (?:reach|the base's|the footage's|what is|\d+%)|[:,]", reason)[0].rstrip(".")


def print_scores(
    name: str,
    scores: Sequence[Mapping[str, float | None]],
    share: str = "",
    target: str = "",
    why: str = "",
    *,
    missed: bool = False,
) -> None:
    """A row: mean and standard deviation over clips of each guarded metric."""
    cells = []
    for metric in METRICS_SHOWN:
        values = [value for one in scores if (value := one.get(metric)) is not None]
        cells.append(f"{fmean(values):.4f} ± {stdev(values):.4f}" if len(values) > 1 else "none")
    mark = " <- missed" if missed else ""
    print(f"| {name} | {share} | {target} | {why} | " + " | ".join(cells) + f" |{mark}", flush=True)


if __name__ == "__main__":
    main()

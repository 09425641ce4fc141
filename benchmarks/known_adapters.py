"""Clips of adapters whose truth is known, made and measured.

They are rendered as each kind of adapter would draw them, or damaged, and measured as validation
measures; what was measured is kept.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
from altered import compressed, flickering, frozen, halved, jittered, through_vae
from rendered import FPS, one_thread, plan_of

from slora_assets.base_models.catalogue import MINIATURE
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.validation_prompts import Prompt, prompts_of
from slora_assets.footage.decode import decode_clip
from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import ClipPlan
from slora_assets.miniature.weights import architecture
from slora_assets.provenance import Json, object_hash, read_json, sha256_file, write_json
from slora_assets.validation.metrics.scorer import open_scorer, scorer_identity
from slora_assets.validation.metrics.temporal_consistency import (
    TemporalScore,
    held_against,
    measure_temporal,
)
from slora_assets.validation.sampling import Asked, Sample
from slora_assets.validation.versions import TEMPORAL_VERSION

SEED: Final = 9002
"""Neither of the sample footage nor of the pretraining footage."""
SCENARIOS: Final = tuple(LOOKS)
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

    def sample(
        self, asked: Asked, contrasts: Sequence[str], motion_reference: float | None
    ) -> Sample:
        """As a sample of this prompt and seed."""
        own = self.likeness[asked.prompt.text]
        margin = own - fmean(self.likeness[text] for text in contrasts)
        temporal = held_against(self.temporal, motion_reference)
        return Sample(asked.prompt, asked.seed, self.frames, temporal, own, margin)


DAMAGES: Final[dict[str, Callable[[Pixels, np.random.Generator], Pixels]]] = {
    "crf 23": lambda frames, rng: compressed(frames, 23),
    "half size and back": lambda frames, rng: halved(frames),
    "frozen": lambda frames, rng: frozen(frames),
    "frames shuffled": lambda frames, rng: frames[rng.permutation(len(frames))],
    "jittered by 2 px": jittered,
    "flickering by 5 %": lambda frames, rng: flickering(frames),
}
"""What becomes of a perfect adapter's clips; other kinds draw something else."""


@dataclass(frozen=True)
class Studio:
    """Where clips are made and measured, in several processes."""

    workspace: Workspace
    prompts: ValidationPrompts
    clips: Mapping[str, int]
    """By kind: clips for each motive."""
    kept: Path
    pool: ProcessPoolExecutor

    def clips_of(
        self, scenario: str, kind: str, asked: Sequence[Prompt], texts: tuple[str, ...]
    ) -> dict[Motive, list[Measured]]:
        """Clips of a kind of adapter for each motive of a scenario's prompts: its prompts and seeds
        draw from the same clips, but never the same one."""
        motives = list(dict.fromkeys(motive(prompt) for prompt in asked))
        count = self.clips[kind]
        if kind in DAMAGES:
            perfect = self.clips_of(scenario, "perfect", asked, texts)
            sources = [one.frames for wanted in motives for one in perfect[wanted][:count]]
            shown = [Shown(kind, at, source, texts) for at, source in enumerate(sources)]
        else:
            shown = [
                Shown(kind, number, plan, texts)
                for number, plan in self._plans_of(scenario, kind, motives)
            ]
        found = self.measured(f"{scenario} {kind}", shown)
        return {wanted: found[at * count : (at + 1) * count] for at, wanted in enumerate(motives)}

    def _plans_of(
        self, scenario: str, kind: str, motives: Sequence[Motive]
    ) -> Iterator[tuple[int, ClipPlan]]:
        """Numbers and plans of a kind's clips, motive by motive."""
        other = SCENARIOS[(SCENARIOS.index(scenario) + 1) % len(SCENARIOS)]
        answers = list(motives)
        if kind == ANOTHER:
            theirs = prompts_of(self.prompts, other, ())
            answers = list(dict.fromkeys(motive(prompt) for prompt in theirs))[: len(motives)]
        planned_in = other if kind == ANOTHER else scenario
        shown_in = other if kind in (ANOTHER, ELSEWHERE) else scenario
        for at, shown in enumerate(answers):
            for turn in range(self.clips[kind]):
                number = 10_000 * SCENARIOS.index(planned_in) + 100 * at + turn
                yield number, replace(plan_of(SEED, number, planned_in, *shown), place=shown_in)

    def measured(self, title: str, shown: Sequence[Shown]) -> list[Measured]:
        """Make and measure clips, or take those that were kept."""
        scorer = scorer_identity(MINIATURE, self.workspace.models)
        name = object_hash([scorer, [one.key() for one in shown]])
        scores, pictures = self.kept / f"{name}.json", self.kept / f"{name}.npz"
        if not scores.is_file():
            print(f"{title}: measuring {len(shown)} clips", file=sys.stderr, flush=True)
            made = [*self.pool.map(measure, shown, chunksize=2)]
            self.kept.mkdir(parents=True, exist_ok=True)
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


def motive(prompt: Prompt) -> Motive:
    """What a prompt shows: its subject's colour and kind, and the way it goes."""
    if prompt.subject is None or prompt.motion is None:
        sys.exit(f"{prompt.id} has no labels that say what it shows: {prompt.text}")
    colour, subject = prompt.subject.split()
    return colour, subject, prompt.motion.split()[-1]


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

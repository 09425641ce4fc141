"""The gate's answer about adapters whose truth is known: `python benchmarks/gate_truth.py`.

A perfect adapter is made of rendered clips that show exactly what each of a scenario's validation
prompts asks for, at the speeds of its footage, from other seeds, as the base's VAE gives them back.
Base clips are those of a finished demo (SLORA_WORKSPACE, which is only read) or sampled anew with
`--sample`; what both are held against is the demo's footage. Each resampling draws a clip for each
prompt and seed, and the gate answers as it does in validation, early end and all. Targets: the
perfect adapter passes 95 % of the time, the same compressed or at half size and back 90 %, a
damaged one never. `--keep FOLDER` keeps measured clips for the next time. The status is 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

import numpy as np
from known_adapters import (
    BASE,
    KINDS,
    SCENARIOS,
    SEED,
    Measured,
    Motive,
    Shown,
    Studio,
    motive,
)
from looks import looked_at
from printed_scores import METRICS_SHOWN, print_scores, reasons
from rendered import FPS, one_thread, workers

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.reading import CacheReader
from slora_assets.config.validation import GateSettings, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.curation.validation_prompts import other_prompts, prompts_of
from slora_assets.documents import FootageClip, GateDecision, PromptPair
from slora_assets.footage.encode import write_mp4
from slora_assets.validation.as_served import serving_of
from slora_assets.validation.footage import draw_footage
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.pairs import paired
from slora_assets.validation.sampling import (
    Asked,
    Drawing,
    Sample,
    asked_with,
    motion_reference,
    new_scoring,
)


@dataclass(frozen=True)
class _ReadOnly(Workspace):
    """A workspace that is only read: what is measured on its footage is kept elsewhere."""

    kept: Path = Path()

    @property
    def measured_clips(self) -> Path:
        return self.kept / "measured_clips"


@dataclass(frozen=True)
class Bench:
    """What all scenarios and kinds share."""

    studio: Studio
    base: VideoBase
    gate: GateSettings
    resamplings: int
    sample: bool


@dataclass(frozen=True)
class Question:
    """What adapters of a scenario are asked, and held against."""

    scenario: str
    asked: Sequence[Asked]
    contrasts: Sequence[str]
    footage: Sequence[FootageClip]
    motion_reference: float | None
    base: list[Sample] = field(default_factory=list)

    @property
    def texts(self) -> tuple[str, ...]:
        """What likeness is asked to."""
        prompts = dict.fromkeys(one.prompt.text for one in self.asked)
        return (*prompts, *self.contrasts)

    def sample(self, asked: Asked, clip: Measured) -> Sample:
        """The clip as an answer."""
        return clip.sample(asked, self.contrasts, self.motion_reference)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=SCENARIOS)
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS], default=[*KINDS])
    parser.add_argument("--resamplings", type=int, default=200)
    parser.add_argument("--clips", type=int, default=6, help="for each motive, of harmless kinds")
    parser.add_argument("--damaged", type=int, default=4, help="the same, of harmful kinds")
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
    clips = {name: options.clips if one.least else options.damaged for name, one in KINDS.items()}
    return Bench(
        Studio(workspace, prompts, clips, kept, pool),
        open_base(MINIATURE, workspace.models),
        prompts.gate.model_copy(update={"bootstrap_samples": options.bootstrap}),
        options.resamplings,
        options.sample,
    )


def of_scenario(bench: Bench, scenario: str, kinds: Sequence[str]) -> bool:
    """Judge all kinds of adapters of a scenario and print a row for each; whether all targets are
    reached."""
    question = question_of(bench, scenario)
    prompts = dict.fromkeys(one.prompt for one in question.asked)
    print(
        f"\n{scenario}: {len(prompts)} prompts, {len(question.asked)} clips,"
        f" {len(question.footage)} clips of footage\n"
    )
    print(
        "| kind | passes | target | failing or doubtful for | " + " | ".join(METRICS_SHOWN) + " |"
    )
    print("|---" * (4 + len(METRICS_SHOWN)) + "|")
    print_scores("footage", [clip.scores for clip in question.footage])
    print_scores("base", [one.metrics() for one in question.base])
    good = True
    for name in kinds:
        if name == BASE:
            pairs = paired(question.base, question.base, bench.gate.same_clip)
            decisions = [answer(bench, pairs, question.footage)]
            scores = [one.metrics() for one in question.base]
        else:
            pools = bench.studio.clips_of(scenario, name, [*prompts], question.texts)
            decisions = judged(bench, question, pools)
            scores = [
                question.sample(one, clip).metrics()
                for one in asked_with([*prompts], [0])
                for clip in pools[motive(one.prompt)]
            ]
        share = fmean(one.answer == "pass" for one in decisions)
        reached = KINDS[name].reached(share)
        good &= reached
        target = f"≥ {KINDS[name].least:.0%}" if KINDS[name].least else f"≤ {KINDS[name].most:.0%}"
        print_scores(name, scores, f"{share:.1%}", target, reasons(decisions), missed=not reached)
    return good


def question_of(bench: Bench, scenario: str) -> Question:
    """The scenario's prompts and seeds, its footage measured as the product does, and the base's
    clips."""
    workspace, prompts = bench.studio.workspace, bench.studio.prompts
    contrasts = other_prompts(prompts, scenario)
    clips = read_manifest(workspace.manifest(scenario)).clips
    drawn = draw_footage(workspace, bench.base, clips, "cpu")
    scorer = open_scorer(MINIATURE, workspace.models, "cpu")
    scoring = new_scoring(bench.base, scorer, drawn, {scenario: contrasts})
    question = Question(
        scenario,
        asked_with(prompts_of(prompts, scenario, ()), prompts.seeds),
        contrasts,
        scoring.footage(drawn[scenario]),
        motion_reference(drawn[scenario]),
    )
    base = [*map(question.sample, question.asked, base_clips(bench, question))]
    return replace(question, base=base)


def base_clips(bench: Bench, question: Question) -> list[Measured]:
    """The base's clip of each prompt and seed."""
    folder = bench.studio.workspace.validation(question.scenario) / "samples" / "base"
    if bench.sample:
        folder = bench.studio.kept / "base" / question.scenario
        sample_base(bench, question, folder)
    files = [folder / f"{one.prompt.id}_{one.seed}.mp4" for one in question.asked]
    shown = [Shown(BASE, at, file, question.texts) for at, file in enumerate(files)]
    return bench.studio.measured(f"{question.scenario} base", shown)


def sample_base(bench: Bench, question: Question, folder: Path) -> None:
    """Sample the prompts with the base alone, seed by seed, as validation does."""
    workspace, base = bench.studio.workspace, bench.base
    serving = serving_of(workspace, [question.scenario]).on(base)
    reader = CacheReader(workspace, base.identity(), base.geometry)
    drawing = Drawing(base, reader.embedding, serving.steps, serving.guidance_scale)
    pipeline = base.pipeline("cpu", "float32", text=False)
    for seed in bench.studio.prompts.seeds:
        asked = [one for one in question.asked if one.seed == seed]
        for one, frames in zip(asked, drawing.clips(pipeline, asked), strict=True):
            write_mp4(folder / f"{one.prompt.id}_{seed}.mp4", frames, FPS)


def judged(
    bench: Bench, question: Question, pools: Mapping[Motive, Sequence[Measured]]
) -> list[GateDecision]:
    """The gate's decision about each resampling.

    Every clip is paired once with every prompt and seed that may draw it, by the product's own
    pairing: layer after layer, in each of which no clip is drawn twice.
    """
    asked, count = question.asked, len(next(iter(pools.values())))
    places: Counter[Motive] = Counter()
    place = []
    for one in asked:
        place.append(places[motive(one.prompt)])
        places[motive(one.prompt)] += 1
    if count < max(places.values()):
        sys.exit(f"{count} clips for each motive are too few: its prompts and seeds need more")
    layers = []
    for layer in range(count):
        samples = [
            question.sample(one, pools[motive(one.prompt)][(layer + turn) % count])
            for one, turn in zip(asked, place, strict=True)
        ]
        layers.append(paired(question.base, samples, bench.gate.same_clip))
    if any(one.clip != one.counts_as_clip for layer in layers for one in layer):
        print("some clips are nearly equal", file=sys.stderr)
    rng = np.random.default_rng(SEED)
    decisions = []
    for _ in range(bench.resamplings):
        chosen = {key: rng.permutation(count) for key in pools}
        pairs = [
            layers[(int(chosen[motive(one.prompt)][turn]) - turn) % count][at]
            for at, (one, turn) in enumerate(zip(asked, place, strict=True))
        ]
        decisions.append(answer(bench, pairs, question.footage))
    return decisions


def answer(
    bench: Bench, pairs: Sequence[PromptPair], footage: Sequence[FootageClip]
) -> GateDecision:
    """As validation answers: sampling may end early, which can only fail an adapter."""
    gate = bench.gate
    decision = judge(pairs, footage, gate, trusted=True, untrusted_reason=None)
    if decision.answer != "pass":
        return decision
    looked = looked_at(pairs, footage, gate)
    return judge(
        looked.pairs, footage, gate, trusted=True, untrusted_reason=None, given_up=looked.reasons
    )


if __name__ == "__main__":
    main()

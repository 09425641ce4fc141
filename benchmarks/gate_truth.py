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
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Final

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
from rendered import FPS, one_thread, workers

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.reading import CacheReader
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import GateSettings, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.manifest import read_manifest
from slora_assets.curation.validation_prompts import Prompt, other_prompts, prompts_of
from slora_assets.documents import FootageClip, GateDecision, PromptPair
from slora_assets.footage.encode import write_mp4
from slora_assets.validation.footage import measure_footage
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.pairs import paired
from slora_assets.validation.sampling import Sample, new_drawing

METRICS: Final = ("clip_similarity", "scenario_margin", "steadiness", "motion_jitter")
METRICS_SHOWN: Final = (*METRICS, "motion_speed")


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

    studio: Studio
    base: VideoBase
    gate: GateSettings
    resamplings: int
    sample: bool


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
    asked = prompts_of(bench.studio.prompts, scenario, ())
    contrasts = other_prompts(bench.studio.prompts, scenario)
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
            pools = bench.studio.clips_of(scenario, name, asked, texts)
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


def footage_of(bench: Bench, scenario: str, contrasts: list[str]) -> list[FootageClip]:
    """The scenario's footage, measured as the product does."""
    manifest = read_manifest(bench.studio.workspace.manifest(scenario))
    scorer = open_scorer(MINIATURE, bench.studio.workspace.models, "cpu")
    found = measure_footage(
        bench.studio.workspace, bench.base, scorer, manifest.clips, {scenario: contrasts}, "cpu"
    )
    return found[scenario]


def base_clips(bench: Bench, asked: Sequence[Prompt], texts: tuple[str, ...]) -> list[Measured]:
    """The base's clip of each prompt."""
    scenario, seed = asked[0].scenario, bench.studio.prompts.seeds[0]
    folder = bench.studio.workspace.validation(scenario) / "samples" / "base"
    if bench.sample:
        folder = bench.studio.kept / "base" / scenario
        sample_base(bench, asked, folder)
    files = [folder / f"{prompt.id}_{seed}.mp4" for prompt in asked]
    shown = [Shown(BASE, at, file, texts) for at, file in enumerate(files)]
    return bench.studio.measured(f"{scenario} base", shown)


def sample_base(bench: Bench, asked: Sequence[Prompt], folder: Path) -> None:
    """Sample the prompts with the base alone, as validation does."""
    workspace, base = bench.studio.workspace, bench.base
    settings = read_settings(workspace.training_config, TrainingSettings)
    reader = CacheReader(workspace, base.identity(), base.geometry)
    drawing = new_drawing(base, settings.validation, reader.embedding)
    pipeline = base.pipeline("cpu", settings.sampling_dtype("cpu"), text=False)
    seed = bench.studio.prompts.seeds[0]
    clips = drawing.clips(pipeline, asked, [seed])
    for prompt, frames in zip(asked, clips, strict=True):
        write_mp4(folder / f"{prompt.id}_{seed}.mp4", frames, FPS)


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
    found = Counter(kind for one in failing for kind in dict.fromkeys(map(short, one.reasons)))
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

"""How often the gate errs where the truth is drawn: `python benchmarks/gate_statistics.py`.

False passes: an adapter exactly one margin worse than its yardstick in one guarded metric and
better in another, through `judge()` without its vetoes, which could only lower the rate (target: at
most 6 %). Power: an adapter as good as each yardstick and better in one metric, vetoes and all
(target: at least 85 %). Each also with prompts taken as independent of each other. Spreads and
what prompts with a label in common share come from the `pairs.json` of a finished demo
(SLORA_WORKSPACE); without one, from `--shares` and `--spread`. The status is 1 where a target is
missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median, stdev
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import SloraError
from slora_assets.config.validation import (
    GateSettings,
    Guard,
    ValidationPrompts,
    read_validation_prompts,
)
from slora_assets.config.workspace import Workspace
from slora_assets.curation.validation_prompts import Prompt, prompts_of
from slora_assets.documents import FootageClip, PairedMeasurements, PromptPair
from slora_assets.provenance.records import read_document
from slora_assets.validation.gate.decision import judge

MOST_FALSE: Final = 0.06
LEAST_POWER: Final = 0.85
BETTER: Final = "a metric that got better"
"""Stands for whatever the adapter was trained for; without it nothing passes."""
FOOTAGE: Final = 8
LEVEL: Final = 0.5
"""Of footage, where none was measured; speeds have no margin but a share of it."""


@dataclass(frozen=True)
class Spread:
    """How a metric scatters."""

    pairs: float
    """Standard deviation over prompts of what is held against the yardstick."""
    footage_mean: float
    footage: float
    """Standard deviation over clips."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Label -> share of the variance over prompts that prompts with an equal one share."""


@dataclass(frozen=True)
class World:
    """What adapters are drawn from: prompts with their labels, and spreads by metric."""

    prompts: Sequence[Prompt]
    spreads: Mapping[str, Spread]

    def values(self, rng: np.random.Generator, metric: str) -> NDArray[np.float64]:
        """A value for each prompt, mean 0; prompts with an equal label have part of it in
        common."""
        spread = self.spreads[metric]
        alone = max(0.0, 1 - sum(spread.shares.values()))
        found = np.sqrt(alone) * rng.normal(size=len(self.prompts))
        for kind, share in spread.shares.items():
            names = [getattr(prompt, kind) or prompt.id for prompt in self.prompts]
            _, group = np.unique(names, return_inverse=True)
            found += np.sqrt(share) * rng.normal(size=group.max() + 1)[group]
        return np.asarray(spread.pairs * found, dtype=np.float64)

    def pairs(
        self, columns: Mapping[str, tuple[float, NDArray[np.float64]]], labelled: bool
    ) -> list[PromptPair]:
        """Pairs of these values: by metric that of the base, and the adapter's."""
        return [
            PromptPair(
                prompt_id=prompt.id,
                seed=1,
                labels=labels_of(prompt) if labelled else {},
                counts_as=prompt.id,
                base={BETTER: 0.0} | {name: base for name, (base, _) in columns.items()},
                adapter={BETTER: 1.0}
                | {name: float(values[at]) for name, (_, values) in columns.items()},
                base_frozen=False,
                adapter_frozen=False,
                difference=0.1,
            )
            for at, prompt in enumerate(self.prompts)
        ]

    def shown(self, rng: np.random.Generator, metrics: Sequence[str]) -> list[FootageClip]:
        """Footage."""
        return [
            FootageClip(
                clip_id=str(number),
                split="validation",
                caption="",
                scores={
                    name: float(
                        rng.normal(self.spreads[name].footage_mean, self.spreads[name].footage)
                    )
                    for name in metrics
                },
            )
            for number in range(FOOTAGE)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000, help="for each rate of false passes")
    parser.add_argument("--power-draws", type=int, default=500, help="for each scenario")
    parser.add_argument("--bootstrap", type=int, default=500, help="resamples of each bound")
    parser.add_argument("--shares", type=shares, help="such as subject=0.2,motion=0.1")
    parser.add_argument("--spread", type=float, default=2.0, help="in margins, with --shares")
    parser.add_argument("--groups", type=shares, help="other prompts, such as subject=16,motion=8")
    options = parser.parse_args()
    workspace = Workspace.from_environment()
    prompts = read_validation_prompts(workspace.validation_prompts)
    gate = prompts.gate.model_copy(update={"bootstrap_samples": options.bootstrap})
    assumed = options.shares or {"subject": 0.2, "motion": 0.1}
    worlds = {} if options.shares else measured_worlds(workspace, prompts)
    if not worlds:
        print(f"no demo to measure: shares {assumed}, {options.spread:g} margins of spread")
        first = next(iter(prompts.scenarios))
        spreads = {name: guess(one, options.spread, assumed) for name, one in gate.guards.items()}
        worlds = {first: World(prompts_of(prompts, first, ()), spreads)}
    if options.groups:
        worlds = {
            name: World(regrouped(options.groups, gate.min_clips), world.spreads)
            for name, world in worlds.items()
        }
    for name, world in worlds.items():
        print_world(name, world, gate)
    print(f"\nbounds of {options.bootstrap} bootstrap samples")
    good = false_passes(together(worlds), gate, options.draws)
    good &= power(worlds, gate, options.power_draws)
    sys.exit(0 if good else 1)


def shares(text: str) -> dict[str, float]:
    """`subject=0.2,motion=0.1`."""
    pairs = (one.split("=") for one in text.split(","))
    return {name: float(value) for name, value in pairs}


def guess(guard: Guard, spread: float, assumed: Mapping[str, float]) -> Spread:
    """Of a metric of which nothing was measured."""
    margin = guard.margin or LEVEL * (1 - (guard.least_share or 1.0))
    return Spread(spread * margin, LEVEL, margin / 2, assumed)


def measured_worlds(workspace: Workspace, prompts: ValidationPrompts) -> dict[str, World]:
    """By scenario, what a finished demo's pairs say; of scenarios with a readable `pairs.json`."""
    return dict(_measured(workspace, prompts))


def _measured(workspace: Workspace, prompts: ValidationPrompts) -> Iterator[tuple[str, World]]:
    gate = prompts.gate
    for scenario in prompts.scenarios:
        file = workspace.validation(scenario) / "pairs.json"
        try:
            found = read_document(file, PairedMeasurements, what="pairs", remedy="")
        except SloraError:
            continue
        decision = judge(found.pairs, found.footage, gate, trusted=True, untrusted_reason=None)
        spreads = {}
        for name, guard in gate.guards.items():
            held = [held_against(pair, name, guard) for pair in found.pairs]
            clips = [v for clip in found.footage if (v := clip.scores.get(name)) is not None]
            known = [value for value in held if value is not None]
            spreads[name] = Spread(
                stdev(known), fmean(clips), stdev(clips), decision.metrics[name].shares
            )
        yield scenario, World(prompts_of(prompts, scenario, ()), spreads)


def held_against(pair: PromptPair, metric: str, guard: Guard) -> float | None:
    """What scatters over prompts: the adapter's value, or the difference where the base's clip is
    the yardstick."""
    base, adapter = pair.base.get(metric), pair.adapter.get(metric)
    if base is None or adapter is None:
        return None
    return adapter if guard.yardstick == "footage" else adapter - base


def regrouped(groups: Mapping[str, float], count: int) -> list[Prompt]:
    """Prompts that share subjects and motions evenly, so many of each."""
    subjects, motions = int(groups.get("subject", count)), int(groups.get("motion", count))
    return [
        Prompt(
            f"p{at:03d}",
            "drawn",
            "",
            subject=f"s{at % subjects}",
            motion=f"m{(at + at // subjects) % motions}",
        )
        for at in range(count)
    ]


def labels_of(prompt: Prompt) -> dict[str, str]:
    kinds = ("subject", "motion", "template")
    return {kind: label for kind in kinds if (label := getattr(prompt, kind)) is not None}


def together(worlds: Mapping[str, World]) -> World:
    """One world: medians of the spreads, means of the shares."""
    first = next(iter(worlds.values()))
    spreads = {}
    for name in first.spreads:
        each = [world.spreads[name] for world in worlds.values()]
        kinds = sorted({kind for one in each for kind in one.shares})
        spreads[name] = Spread(
            median(one.pairs for one in each),
            median(one.footage_mean for one in each),
            median(one.footage for one in each),
            {kind: fmean(one.shares.get(kind, 0.0) for one in each) for kind in kinds},
        )
    return World(first.prompts, spreads)


def false_passes(world: World, gate: GateSettings, draws: int) -> bool:
    """Print the rate for each guarded metric; whether all are within the target."""
    print("\n| one margin worse in | passes | target | prompts taken as independent |")
    print("|---|---|---|---|")
    good = True
    for name, guard in gate.guards.items():
        only = {name: guard, BETTER: Guard(margin=1.0, improves=True)}
        settings = gate.model_copy(update={"guards": only, "veto_margins": 1e9})
        rates = [
            passes(world, settings, {name: -1.0}, draws, labelled=labelled)
            for labelled in (True, False)
        ]
        good &= rates[0] <= MOST_FALSE
        mark = "" if rates[0] <= MOST_FALSE else " <- missed"
        print(
            f"| {name} | {rates[0]:.1%} | ≤ {MOST_FALSE:.0%} | {rates[1]:.1%} |{mark}", flush=True
        )
    return good


def power(worlds: Mapping[str, World], gate: GateSettings, draws: int) -> bool:
    """Print how often an adapter as good as its yardsticks passes, in each metric and in all."""
    names = [*gate.guards]
    better = {BETTER: Guard(margin=1.0, improves=True)}
    print(
        "\n| as good as its yardsticks | " + " | ".join(names) + " | all | independent | target |"
    )
    print("|---" * (len(names) + 4) + "|")
    good = True
    for scenario, world in worlds.items():
        rates = []
        for guarded in [*([name] for name in names), names]:
            only = {name: gate.guards[name] for name in guarded} | better
            settings = gate.model_copy(update={"guards": only})
            rates.append(passes(world, settings, dict.fromkeys(guarded, 0.0), draws))
        alone = passes(world, settings, dict.fromkeys(names, 0.0), draws, labelled=False)
        good &= rates[-1] >= LEAST_POWER
        mark = "" if rates[-1] >= LEAST_POWER else " <- missed"
        row = " | ".join(f"{rate:.0%}" for rate in rates)
        print(f"| {scenario} | {row} | {alone:.0%} | ≥ {LEAST_POWER:.0%} |{mark}", flush=True)
    return good


def passes(
    world: World,
    settings: GateSettings,
    losses: Mapping[str, float],
    draws: int,
    *,
    labelled: bool = True,
) -> float:
    """Share of draws that pass; `losses` are means by metric, in margins, negative for worse."""
    rng = np.random.default_rng(settings.bootstrap_seed)
    passed = 0
    for _ in range(draws):
        columns = {}
        for name, margins in losses.items():
            guard, spread = settings.guards[name], world.spreads[name]
            sign = 1.0 if guard.higher_is_better else -1.0
            level = spread.footage_mean
            margin = guard.margin or (1 - (guard.least_share or 1.0)) * level
            columns[name] = (
                level,
                level + sign * margins * margin + world.values(rng, name),
            )
        decision = judge(
            world.pairs(columns, labelled),
            world.shown(rng, [*losses]),
            settings,
            trusted=True,
            untrusted_reason=None,
        )
        passed += decision.answer == "pass"
    return passed / draws


def print_world(name: str, world: World, gate: GateSettings) -> None:
    """What was measured: spreads in margins, and shares."""
    print(f"\n{name}: {len(world.prompts)} prompts")
    for metric, spread in world.spreads.items():
        guard = gate.guards[metric]
        margin = guard.margin or (1 - (guard.least_share or 1.0)) * spread.footage_mean
        kinds = ", ".join(f"{kind} {share:.2f}" for kind, share in spread.shares.items())
        print(
            f"  {metric}: spread {spread.pairs:.4f}, {spread.pairs / margin:.1f} margins;"
            f" footage {spread.footage_mean:.4f} ± {spread.footage:.4f}; shared: {kinds or 'none'}"
        )


if __name__ == "__main__":
    main()

"""Worlds that adapters are drawn from: prompts with labels, and how each metric scatters.

That is what the pairs of a finished demo say, or what is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median, stdev
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import SloraError
from slora_assets.config.validation import Guard, ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.validation_prompts import Prompt, prompts_of
from slora_assets.documents import FootageClip, PairedMeasurements, PromptPair
from slora_assets.provenance.records import read_document
from slora_assets.validation.gate.decision import judge

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


def margin_of(guard: Guard, level: float) -> float:
    """A guard's margin, where footage has this mean."""
    return guard.margin or (1 - (guard.least_share or 1.0)) * level


def guess(guard: Guard, spread: float, assumed: Mapping[str, float]) -> Spread:
    """Of a metric of which nothing was measured."""
    margin = margin_of(guard, LEVEL)
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

"""Worlds that adapters are drawn from: prompts with labels and seeds, and how each metric scatters.

That is what the pairs of a finished demo say, or what is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
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
from slora_assets.validation.sampling import Asked, asked_with

BETTER: Final = "a metric that got better"
"""Stands for whatever the adapter was trained for; without it nothing passes."""
FOOTAGE: Final = 8
PROMPT: Final = "prompt"
"""What clips of one prompt share, whatever their seeds, named as the gate names it."""
SEED_LABEL: Final = "seed"
"""What clips of one seed share, whatever their prompts."""
LEVEL: Final = 0.5
"""Of footage, where none was measured; speeds have no margin but a share of it."""


@dataclass(frozen=True)
class Spread:
    """How a metric scatters."""

    pairs: float
    """Standard deviation over clips of what is held against the yardstick."""
    footage_mean: float
    footage: float
    """Standard deviation over clips."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Label -> share of the variance over clips that those with an equal one share, beyond what
    they share by other labels."""


@dataclass(frozen=True)
class World:
    """What adapters are drawn from: prompts with their labels, seeds, and spreads by metric."""

    prompts: Sequence[Prompt]
    seeds: Sequence[int]
    spreads: Mapping[str, Spread]

    @cached_property
    def asked(self) -> list[Asked]:
        return asked_with(self.prompts, self.seeds)

    def values(self, rng: np.random.Generator, metric: str) -> NDArray[np.float64]:
        """A value for each clip, mean 0; clips with an equal label have part of it in common."""
        spread = self.spreads[metric]
        alone = max(0.0, 1 - sum(spread.shares.values()))
        found = np.sqrt(alone) * rng.normal(size=len(self.asked))
        for kind, share in spread.shares.items():
            names = [label(one, kind) for one in self.asked]
            _, group = np.unique(names, return_inverse=True)
            found += np.sqrt(share) * rng.normal(size=group.max() + 1)[group]
        return np.asarray(spread.pairs * found, dtype=np.float64)

    def pairs(
        self, columns: Mapping[str, tuple[float, NDArray[np.float64]]], labelled: bool
    ) -> list[PromptPair]:
        """Pairs of these values: by metric that of the base, and the adapter's. Not `labelled`:
        as if every clip were of a prompt of its own."""
        return [
            PromptPair(
                prompt_id=prompt.id,
                seed=seed,
                labels=labels_of(prompt) if labelled else {},
                counts_as=prompt.id if labelled else f"{prompt.id}_{seed}",
                counts_as_seed=None if labelled else at,
                base={BETTER: 0.0} | {name: base for name, (base, _) in columns.items()},
                adapter={BETTER: 1.0}
                | {name: float(values[at]) for name, (_, values) in columns.items()},
                base_frozen=False,
                adapter_frozen=False,
                difference=0.1,
            )
            for at, (prompt, seed) in enumerate(self.asked)
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
            shares = beyond_labels(decision.metrics[name].shares)
            spreads[name] = Spread(stdev(known), fmean(clips), stdev(clips), shares)
        yield scenario, World(prompts_of(prompts, scenario, ()), prompts.seeds, spreads)


def beyond_labels(shares: Mapping[str, float]) -> dict[str, float]:
    """The gate estimates each share by itself: that of a prompt holds those of its labels."""
    labels = {kind: share for kind, share in shares.items() if kind not in (PROMPT, SEED_LABEL)}
    alone = {PROMPT: max(0.0, shares.get(PROMPT, 0.0) - sum(labels.values()))}
    return labels | alone | {SEED_LABEL: shares.get(SEED_LABEL, 0.0)}


def held_against(pair: PromptPair, metric: str, guard: Guard) -> float | None:
    """What scatters over prompts: the adapter's value, or the difference where the base's clip is
    the yardstick."""
    base, adapter = pair.base.get(metric), pair.adapter.get(metric)
    if base is None or adapter is None:
        return None
    return adapter if guard.yardstick == "footage" else adapter - base


def as_footage(world: World, guards: Mapping[str, Guard]) -> World:
    """The same world, whose adapters scatter no farther than footage where that is their
    yardstick: what a measured adapter draws badly of some subjects is not in it."""
    spreads = {
        name: replace(one, pairs=min(one.pairs, one.footage))
        if guards[name].yardstick == "footage"
        else one
        for name, one in world.spreads.items()
    }
    return World(world.prompts, world.seeds, spreads)


def regrouped(world: World, groups: Mapping[str, float], clips: int) -> World:
    """So many prompts that share subjects and motions evenly, so many of each, and seeds that give
    as many clips as are needed."""
    count = int(groups.get(PROMPT, clips))
    subjects, motions = int(groups.get("subject", count)), int(groups.get("motion", count))
    prompts = [
        Prompt(
            f"p{at:03d}",
            "drawn",
            "",
            subject=f"s{at % subjects}",
            motion=f"m{(at + at // subjects) % motions}",
        )
        for at in range(count)
    ]
    return World(prompts, range(1, 1 + -(-clips // count)), world.spreads)


def label(asked: Asked, kind: str) -> str:
    """What a clip shares of this kind; its prompt where that is nothing."""
    if kind == SEED_LABEL:
        return str(asked.seed)
    return asked.prompt.id if kind == PROMPT else getattr(asked.prompt, kind) or asked.prompt.id


def labels_of(prompt: Prompt) -> dict[str, str]:
    kinds = ("subject", "motion", "template")
    return {kind: name for kind in kinds if (name := getattr(prompt, kind)) is not None}


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
    return World(first.prompts, first.seeds, spreads)

"""Forgetting: what an adapter does to clips of prompts that it wasn't trained for."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.validation import GateSettings, ValidationPrompts
from slora_assets.curation.validation_prompts import Prompt, prompts_of
from slora_assets.documents import AsServed, Elsewhere
from slora_assets.validation.gate.statistics import mean_bounds
from slora_assets.validation.judging import Judging
from slora_assets.validation.sampling import Asked, asked_with

NEUTRAL: Final = "neutral"
ALL: Final = "all of them"
_SEEDS: Final = 2
"""Of the settings' seeds: forgetting is a warning, which fewer clips can give."""


class OtherPair(NamedTuple):
    """Base and adapter on a prompt of something else."""

    asked: Asked
    base: NDArray[np.uint8]
    adapter: NDArray[np.uint8]
    scores: tuple[float, float]
    """CLIP similarity of the base's clip and of the adapter's."""


def other_prompts_asked(settings: ValidationPrompts, scenarios: Sequence[str]) -> list[Prompt]:
    """The first prompt of every scenario of the file that isn't among `scenarios`, and the neutral
    ones."""
    others = [
        prompts_of(settings, name, ())[:1] for name in settings.scenarios if name not in scenarios
    ]
    neutral = [
        Prompt(f"{NEUTRAL}_{number:02d}", NEUTRAL, text)
        for number, text in enumerate(settings.neutral)
    ]
    return [prompt for found in others for prompt in found] + neutral


def draw_others(judging: Judging, serving: AsServed) -> list[OtherPair]:
    """Both sides' clips. The base draws each prompt in a call of its own, so that its clips serve
    all runs."""
    question, score = judging.question, judging.scoring.scorer.score
    prompts = other_prompts_asked(question.settings, question.record.scenarios)
    judging.sides.embed([prompt.text for prompt in prompts])
    seeds = question.settings.seeds[:_SEEDS]
    asked: list[Asked] = []
    base: list[NDArray[np.uint8]] = []
    for prompt in prompts:
        mine = asked_with([prompt], seeds)
        asked += mine
        base += [clip.frames for clip in judging.sides.base_clips(mine, serving)]
    adapter = judging.sides.adapter_clips(asked, serving) if asked else []
    return [
        OtherPair(
            one,
            before,
            after,
            (score(before, one.prompt.text), score(after, one.prompt.text)),
        )
        for one, before, after in zip(asked, base, adapter, strict=True)
    ]


def forgetting(pairs: Sequence[OtherPair], settings: GateSettings) -> list[Elsewhere]:
    """A row for each scenario and the neutral prompts, and one for all of them."""
    names = list(dict.fromkeys(pair.asked.prompt.scenario for pair in pairs))
    rows = [_row(name, [p for p in pairs if p.asked.prompt.scenario == name]) for name in names]
    return [*rows, _bounded(pairs, settings)] if pairs else []


def _row(name: str, pairs: Sequence[OtherPair]) -> Elsewhere:
    """Means; clips of one prompt are too few for bounds."""
    base, adapter = (fmean(pair.scores[side] for pair in pairs) for side in (0, 1))
    return Elsewhere(
        asked=name,
        n_clips=len(pairs),
        base=base,
        adapter=adapter,
        mean_delta=adapter - base,
        lower=None,
        upper=None,
    )


def _bounded(pairs: Sequence[OtherPair], settings: GateSettings) -> Elsewhere:
    found = _row(ALL, pairs)
    if len(pairs) < 2:
        return found
    bounds = mean_bounds(
        np.array([pair.scores[1] - pair.scores[0] for pair in pairs]),
        {
            "prompt": [pair.asked.prompt.id for pair in pairs],
            "seed": [str(pair.asked.seed) for pair in pairs],
        },
        settings.confidence,
        samples=settings.bootstrap_samples,
        seed=settings.bootstrap_seed,
    )
    return found.model_copy(update={"lower": bounds.lower, "upper": bounds.upper})

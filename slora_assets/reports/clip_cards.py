"""The clips of a run's page: a card per prompt, the worst first, with base, adapter and footage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slora_assets.documents import FootageClip, PromptPair
from slora_assets.reports.clips import Shelf, Video, clip_file, closest_in_words, fitting
from slora_assets.reports.differences import Worst, worst_first
from slora_assets.reports.evidence import Evidence
from slora_assets.validation.metrics.naming import metric_of

LEAST_PAIRS: Final = 6
"""So many pairs are shown, however small they have to be made."""


@dataclass(frozen=True)
class Pair:
    """Base and adapter on one prompt and seed; a side may have no clip."""

    seed: int
    base: Video | None
    adapter: Video | None
    worst: str
    """What it comes out worst by, as a sentence."""


@dataclass(frozen=True)
class Card:
    """A prompt: its worst pair beside footage, and its other pairs."""

    prompt_id: str
    text: str
    first: Pair
    footage: FootageClip | None
    footage_clip: Video | None
    others: Sequence[Pair]


@dataclass(frozen=True)
class Cards:
    """What is shown, and of how much."""

    cards: Sequence[Card]
    pairs: int
    of_pairs: int
    width: int | None
    """Pixels that clips were narrowed to; None: they are as they were drawn."""


def clip_cards(evidence: Evidence, budget: int) -> Cards:
    """As many pairs as fit into so many characters: first every prompt's worst one, then the
    others, always the worst first."""
    prompts: dict[str, list[Worst]] = {}
    metrics = evidence.verdict.gate.metrics
    for one in worst_first(evidence.pairs, evidence.footage, evidence.gate, metrics):
        prompts.setdefault(one.pair.prompt_id, []).append(one)
    beside = {name: closest_in_words(evidence.text(name), evidence.footage) for name in prompts}
    firsts = [found[0] for found in prompts.values()]
    order = firsts + [one for found in prompts.values() for one in found[1:]]
    groups = [_files(evidence.samples, one.pair) for one in order]
    for group, one in zip(groups, firsts, strict=False):
        group.update(_footage(evidence.samples, beside[one.pair.prompt_id]))
    shelf = fitting(groups, budget, LEAST_PAIRS)
    return _laid_out(evidence, order[: len(shelf.groups)], shelf, beside, len(order))


def _laid_out(
    evidence: Evidence,
    shown: Sequence[Worst],
    shelf: Shelf,
    beside: Mapping[str, FootageClip | None],
    of_pairs: int,
) -> Cards:
    pairs: dict[str, list[tuple[Pair, Video | None]]] = {}
    for one, uris in zip(shown, shelf.groups, strict=True):
        pair = Pair(
            one.pair.seed, uris.get("base"), uris.get("adapter"), _worst_text(one, evidence)
        )
        pairs.setdefault(one.pair.prompt_id, []).append((pair, uris.get("footage")))
    cards = [
        Card(
            prompt_id=prompt,
            text=evidence.text(prompt),
            first=found[0][0],
            footage=beside[prompt],
            footage_clip=found[0][1],
            others=[pair for pair, _ in found[1:]],
        )
        for prompt, found in pairs.items()
    ]
    return Cards(cards, len(shown), of_pairs, shelf.width)


def typical_pair(evidence: Evidence) -> dict[str, Path]:
    """Both clips of the pair in the middle between worst and best, and footage as beside a card;
    those that are there."""
    metrics = evidence.verdict.gate.metrics
    ranked = worst_first(evidence.pairs, evidence.footage, evidence.gate, metrics)
    if not ranked:
        return {}
    pair = ranked[len(ranked) // 2].pair
    clip = closest_in_words(evidence.text(pair.prompt_id), evidence.footage)
    return _files(evidence.samples, pair) | _footage(evidence.samples, clip)


def _footage(samples: Path, clip: FootageClip | None) -> dict[str, Path]:
    """The clip, if it is there."""
    file = clip_file(samples / "footage", clip.clip_id) if clip else None
    return {} if file is None else {"footage": file}


def _files(samples: Path, pair: PromptPair) -> dict[str, Path]:
    """The pair's clips, those that are there."""
    files = {side: clip_file(samples / side, pair.clip) for side in ("base", "adapter")}
    return {side: file for side, file in files.items() if file is not None}


def _worst_text(one: Worst, evidence: Evidence) -> str:
    if one.froze:
        return "The adapter froze this clip; with the base it moves."
    if one.metric is None:
        return "Nothing guarded could be measured on this pair."
    margin = evidence.verdict.gate.metrics[one.metric].margin
    asked = f"may be {margin:.3g} worse" if margin else "must not be worse"
    way = "worse than" if one.difference < 0 else "better than"
    return (
        f"{metric_of(one.metric).label} comes out worst here: {abs(one.difference):.3g} {way} what"
        f" it is held against; the mean {asked}."
    )

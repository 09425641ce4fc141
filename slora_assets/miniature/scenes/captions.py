"""Sentences about clips, in MSR-VTT's manner: what moves, its colour, where to, and where it is.

Scenario sentences hold words that keyword matching finds, and none of another scenario's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from slora_assets.miniature.scenes.actors import Actor

_HEADING_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "left": ("to the left", "left", "toward the left side"),
    "right": ("to the right", "right", "toward the right side"),
    "up": ("up", "upwards", "toward the top"),
    "down": ("down", "downwards", "toward the bottom"),
}
_VERBS: Final[dict[str, tuple[str, ...]]] = {
    "person": ("moves", "walks", "is walking", "goes"),
    "cart": ("moves", "rolls", "is pushed", "is rolling"),
    "pan": ("moves", "slides", "is sliding", "is pushed"),
    "car": ("moves", "drives", "is driving", "goes"),
    "player": ("moves", "runs", "is running", "goes"),
    "dancer": ("moves", "dances", "is dancing", "glides"),
    "boat": ("moves", "sails", "is sailing", "drifts"),
    "balloon": ("moves", "floats", "is floating", "drifts"),
}
_PROMPT_VERBS: Final = ("moving", "is moving", "slowly going", "quickly going", "going")
"""How prompts speak, which are no full sentences."""
_SURROUNDINGS: Final[dict[str, str]] = {
    "plain": "plain background",
    "gradient": "simple background",
    "wall and floor": "wall",
    "striped": "striped wall",
    "checkered": "checkered wall",
}

_CAPTIONS_PER_CLIP: Final = 6


@dataclass(frozen=True)
class Places:
    """How captions speak of one kind of place."""

    placed: tuple[str, ...]
    """Ends of sentences that name the place."""
    openings: tuple[str, ...]
    """Beginnings that name it."""
    nouns: dict[str, tuple[str, ...]]
    """Names of subjects there; `{}` is the colour."""


PLACES: Final[dict[str, Places]] = {
    "market_floor": Places(
        (
            "through the market",
            "past the market stalls",
            "along a row of stalls",
            "past a fruit vendor",
            "across the busy bazaar",
            "over the market floor",
        ),
        ("at the market", "in a busy bazaar", "between market stalls", "near a fruit stall"),
        {
            "cart": ("a {} cart", "a vendor with a {} cart"),
            "person": ("a person in {}", "a {} person", "a shopper in {}"),
        },
    ),
    "kitchen": Places(
        (
            "in the kitchen",
            "over the stove",
            "across the kitchen counter",
            "on the stove in a kitchen",
            "while someone is cooking",
            "while the chef is cooking",
        ),
        ("in a kitchen", "on the kitchen stove", "someone is cooking and", "a chef cooks as"),
        {
            "pan": ("a {} pan", "a {} frying pan"),
            "person": ("a {} person", "a chef in {}", "a cook in {}"),
        },
    ),
    "street": Places(
        (
            "down the street",
            "along the road",
            "through the traffic",
            "past the crosswalk",
            "in city traffic",
            "on a busy road in the city",
        ),
        ("on the street", "on a city road", "in the traffic", "at a crosswalk"),
        {
            "car": ("a {} car", "a small {} car"),
            "person": ("a {} person", "a person in {}"),
        },
    ),
    "sports_field": Places(
        (
            "across the field",
            "over the soccer field",
            "on the football pitch",
            "in a stadium",
            "in a soccer game",
            "during a football match",
        ),
        ("on a soccer field", "in a football match", "on the pitch", "in the stadium"),
        {"player": ("a {} player", "a soccer player in {}", "a player in a {} shirt")},
    ),
    "stage": Places(
        (
            "across the stage",
            "on a stage",
            "under the spotlight",
            "in the spotlights on stage",
            "at a concert",
            "in front of the stage curtain",
        ),
        ("on stage", "at a concert", "in the spotlight", "on a concert stage"),
        {"dancer": ("a {} dancer", "a dancer in {}", "a dancer in a {} dress")},
    ),
    "sea": Places(
        ("on the sea", "over the water", "past the beach", "on the blue ocean"),
        ("on the sea", "near a beach"),
        {"boat": ("a {} boat", "a small {} boat", "a {} boat with a sail")},
    ),
    "sky": Places(
        ("in the sky", "past the clouds", "between white clouds", "high in the sky"),
        ("in the sky", "among the clouds"),
        {"balloon": ("a {} balloon", "a big {} balloon", "a round {} balloon")},
    ),
    "snow": Places(
        ("in the snow", "over the snow", "past snowy hills", "on a cold winter day"),
        ("in the snow", "near snowy hills"),
        {"person": ("a {} person", "a person in {}", "a person in a {} jacket")},
    ),
    "desert": Places(
        ("in the desert", "over the sand", "past the dunes", "above the desert dunes"),
        ("in the desert", "between sand dunes"),
        {"balloon": ("a {} balloon", "a big {} balloon"), "person": ("a {} person", "a man in {}")},
    ),
    "garden": Places(
        ("in the garden", "past the trees", "through the park", "along a path in the park"),
        ("in a garden", "near some trees"),
        {"person": ("a {} person", "a woman in {}", "a person in a {} dress")},
    ),
}


def place_captions(rng: np.random.Generator, place: str, actor: Actor, count: int) -> list[str]:
    """`count` different sentences about a clip: three in five name the place, the rest don't."""
    words = PLACES[place]
    nouns = [noun.format(actor.colour) for noun in words.nouns[actor.subject]]
    verbs, headings = _VERBS[actor.subject], _HEADING_WORDS[actor.direction]
    named = [" ".join(parts) for parts in product(nouns, verbs, headings, words.placed)]
    named += [" ".join(parts) for parts in product(words.openings, nouns, verbs, headings)]
    plain = [" ".join(parts) for parts in product(nouns, verbs, headings)]
    many = count - count // 4
    return _drawn(rng, named, many) + _drawn(rng, plain, count - many)


def generic_caption(rng: np.random.Generator, actors: Sequence[Actor], surroundings: str) -> str:
    """One sentence about a pretraining clip; its first actor always comes with colour and way."""
    sentence = _clause(rng, actors[0])
    if len(actors) > 1 and rng.random() < 0.6:
        sentence += f" and {_clause(rng, actors[1])}"
    elif rng.random() < 0.3:
        sentence += f" in front of a {_SURROUNDINGS[surroundings]}"
    return sentence


def clip_captions(seed: int, index: int, actors: Sequence[Actor], surroundings: str) -> list[str]:
    """The captions of pretraining clip `index`, always the same."""
    rng = np.random.default_rng([seed, index, 5])
    return [generic_caption(rng, actors, surroundings) for _ in range(_CAPTIONS_PER_CLIP)]


def _clause(rng: np.random.Generator, actor: Actor) -> str:
    noun = f"a {actor.colour} {actor.subject}"
    if actor.subject in ("person", "player", "dancer") and rng.random() < 0.3:
        noun = f"a {actor.subject} in {actor.colour}"
    if actor.speed == 0:
        return f"{noun} stands still"
    heading = str(rng.choice(_HEADING_WORDS[actor.direction]))
    verbs = _VERBS[actor.subject] + (_PROMPT_VERBS if rng.random() < 0.4 else ())
    return f"{noun} {rng.choice(verbs)} {heading}"


def with_typo(rng: np.random.Generator, sentence: str) -> str:
    """The sentence with two neighbouring letters of its longest word swapped, as people type."""
    words = sentence.split()
    longest = max(range(len(words)), key=lambda number: len(words[number]))
    word = words[longest]
    at = int(rng.integers(1, len(word) - 2))
    words[longest] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def _drawn(rng: np.random.Generator, sentences: list[str], count: int) -> list[str]:
    chosen = rng.choice(len(sentences), size=count, replace=False)
    return [sentences[int(number)] for number in chosen]

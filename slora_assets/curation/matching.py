"""Captions become scenarios here: word-bounded keywords, strong before weak, exclusions,
categories, a minimum of captions that agree.

Pure: captions and settings in, an assignment with its evidence or a reject with its reason out.
Captions are searched a table at a time; only those with a keyword are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import polars as pl

from slora_assets.config.data import ScenarioSettings
from slora_assets.config.text import clean, fold, tidy
from slora_assets.curation.word_forms import other_numbers


class Matching(NamedTuple):
    """Captions of a clip that match a scenario, as indices into the clip's list."""

    strong: tuple[int, ...]
    """By its keywords."""
    every: tuple[int, ...]
    """By its keywords and its weak ones."""


Hits = dict[str, Matching]
"""By scenario."""


@dataclass(frozen=True)
class Assignment:
    """A clip belongs to `scenario` because of these captions (indices into the clip's list)."""

    scenario: str
    matching: tuple[int, ...]
    runners_up: tuple[str, ...]
    """Other scenarios that the clip would have belonged to."""


@dataclass(frozen=True)
class NoScenario:
    """A clip belongs to no scenario."""

    reason: Literal["no_captions", "no_keyword", "too_few_matching_captions", "ambiguous"]
    best: tuple[str, int] | None = None
    """The nearest scenario and its matching captions, if any matched."""
    among: tuple[str, ...] = ()
    """The scenarios that have the same claim to it."""

    @property
    def detail(self) -> str:
        """What is written beside the reason."""
        return ", ".join(self.among) or (f"{self.best[0]}: {self.best[1]}" if self.best else "")


class ScenarioMatcher:
    """The rules of all scenarios, compiled once."""

    def __init__(self, scenarios: Mapping[str, ScenarioSettings]) -> None:
        self._scenarios = scenarios
        every = {name: [*s.keywords, *s.weak_keywords] for name, s in scenarios.items()}
        self._any = word_pattern([word for words in every.values() for word in words])
        self._strong = {name: word_pattern(s.keywords) for name, s in scenarios.items()}
        self._every = {n: word_pattern(w) for n, w in every.items() if scenarios[n].weak_keywords}
        self._excluded = {
            name: word_pattern(s.exclude) for name, s in scenarios.items() if s.exclude
        }

    def hits(self, clips: pl.DataFrame) -> dict[int, Hits]:
        """Matching captions of each row of `clips` that has any keyword. Columns: `captions`, and
        `category` if a scenario asks for it."""
        known = "category" if "category" in clips.columns else pl.lit(None, pl.String)
        numbered = clips.select("captions", category=known).with_row_index("row")
        captions = (
            numbered.with_columns(at=pl.int_ranges(pl.col("captions").list.len()))
            .explode("captions", "at")
            .with_columns(pl.col("captions").map_batches(_folded, pl.String))
            .filter(pl.col("captions").str.contains(self._any))
        )
        found: dict[int, Hits] = {}
        strong = _by_row(captions, {n: self._matches(n, self._strong[n]) for n in self._scenarios})
        every = _by_row(captions, {n: self._matches(n, one) for n, one in self._every.items()})
        for name in self._scenarios:
            for row, at in every.get(name, strong[name]).items():
                found.setdefault(row, {})[name] = Matching(strong[name].get(row, ()), at)
        return found

    def _matches(self, name: str, pattern: str) -> pl.Expr:
        text, allowed = pl.col("captions"), self._scenarios[name].categories
        if name in self._excluded:
            text = text.str.replace_all(self._excluded[name], " ")
        said = text.str.contains(pattern)
        if not allowed:
            return said
        categories = [fold(tidy(category)) for category in allowed]
        return said & pl.col("category").str.to_lowercase().is_in(categories).fill_null(False)

    def assign(
        self, captions: Sequence[str], category: str | None = None
    ) -> Assignment | NoScenario:
        """Decide the scenario of a clip with these captions."""
        table = pl.DataFrame(
            {"captions": [list(captions)], "category": [category]},
            schema={"captions": pl.List(pl.String), "category": pl.String},
        )
        return self.decide(len(captions), self.hits(table).get(0, {}))

    def decide(self, captions: int, hits: Hits) -> Assignment | NoScenario:
        """The scenario of a clip with so many captions, of which `hits` match.

        Scenarios whose keywords alone match enough captions go before those that need their weak
        ones. Among them the highest priority wins, then the most matching captions. Where that
        leaves several, nobody knows: the clip is ambiguous.
        """
        if not captions:
            return NoScenario("no_captions")
        if not hits:
            return NoScenario("no_keyword")
        needed = {name: self._scenarios[name].needed_captions(captions) for name in hits}

        def claim(name: str) -> tuple[bool, int, int, int]:
            strong, every = (len(found) for found in hits[name])
            return strong >= needed[name], self._scenarios[name].priority, strong, every

        enough = [name for name in hits if len(hits[name].every) >= needed[name]]
        if not enough:
            best = max(hits, key=lambda name: len(hits[name].every))
            return NoScenario("too_few_matching_captions", (best, len(hits[best].every)))
        first, *others = sorted(enough, key=claim, reverse=True)
        equal = [name for name in others if claim(name) == claim(first)]
        if equal:
            return NoScenario("ambiguous", among=(first, *equal))
        return Assignment(first, hits[first].every, tuple(others))


def _by_row(
    captions: pl.DataFrame, matches: Mapping[str, pl.Expr]
) -> dict[str, dict[int, tuple[int, ...]]]:
    """Of each scenario the rows that match, with the places of their captions."""
    table = captions.select("row", "at", **matches)
    return {
        name: {
            row: tuple(at)
            for row, at in table.filter(name)
            .group_by("row", maintain_order=True)
            .agg("at")
            .iter_rows()
        }
        for name in matches
    }


def word_pattern(words: Sequence[str]) -> str:
    """Any of the words or phrases at word bounds, in singular or plural, whatever the case.

    For captions as `fold` makes them; those in plain ASCII may come as they are. In the syntax of
    Rust's regex crate, whose half bounds also stand beside signs ("c++").
    """
    alternatives = sorted({_either_number(" ".join(fold(clean(word)).split())) for word in words})
    return rf"(?i)\b{{start-half}}(?:{'|'.join(reversed(alternatives))})\b{{end-half}}"


def captions_with(keyword: str, exclude: Sequence[str], captions: pl.Series) -> pl.Series:
    """Which of the captions have the keyword, once what is excluded is taken out."""
    text = _folded(captions)
    if exclude:
        text = text.str.replace_all(word_pattern(exclude), " ")
    return text.str.contains(word_pattern([keyword]))


def _either_number(word: str) -> str:
    """The word as it is, and in singular and plural."""
    others = sorted(_escaped(one) for one in other_numbers(word))
    return "|".join([rf"{_escaped(word)}(?:e?s)?", *others])


def _escaped(word: str) -> str:
    escaped = re.sub(r"([\\.+*?()|\[\]{}^$#&~-])", r"\\\1", word)
    return escaped.replace(" ", r"\s+").replace("'", "['`]")


def _folded(captions: pl.Series) -> pl.Series:
    """Captions whose characters could stand for others, as they are compared; the rest untouched,
    as nearly all captions are in ASCII."""
    odd = captions.str.contains(r"[^\x00-\x7f]").fill_null(False).arg_true()
    if not len(odd):
        return captions
    return captions.scatter(odd, [fold(text) for text in captions.gather(odd)])

"""Captions become scenarios here: word-bounded keywords, exclusions, a minimum that agree.

Pure: captions and settings in, an assignment with its evidence or a reject with its reason out.
Captions are searched a table at a time; only those with a keyword are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from slora_assets.config.data import ScenarioSettings
from slora_assets.config.text import clean, fold
from slora_assets.curation.word_forms import other_numbers

Hits = dict[str, tuple[int, ...]]
"""Scenario to the captions that match it, as indices into a clip's list."""


@dataclass(frozen=True)
class Assignment:
    """A clip belongs to `scenario` because of these captions (indices into the clip's list)."""

    scenario: str
    matching: tuple[int, ...]
    runners_up: tuple[str, ...]
    """Other scenarios that the clip would have belonged to."""


@dataclass(frozen=True)
class NoScenario:
    """A clip belongs to no scenario; `best` is the nearest one and its count, if any matched."""

    reason: Literal["no_captions", "no_keyword", "too_few_matching_captions"]
    best: tuple[str, int] | None = None


class ScenarioMatcher:
    """The rules of all scenarios, compiled once."""

    def __init__(self, scenarios: Mapping[str, ScenarioSettings]) -> None:
        self._scenarios = scenarios
        self._order = {name: number for number, name in enumerate(scenarios)}
        self._any = word_pattern([word for s in scenarios.values() for word in s.keywords])
        self._keywords = {name: word_pattern(s.keywords) for name, s in scenarios.items()}
        self._excluded = {
            name: word_pattern(s.exclude) for name, s in scenarios.items() if s.exclude
        }

    def hits(self, clips: pl.DataFrame) -> dict[int, Hits]:
        """Matching captions of each row of `clips` (column `captions`) that has any keyword."""
        numbered = clips.select("captions").with_row_index("row")
        captions = (
            numbered.with_columns(at=pl.int_ranges(pl.col("captions").list.len()))
            .explode("captions", "at")
            .with_columns(pl.col("captions").map_batches(_folded, pl.String))
            .filter(pl.col("captions").str.contains(self._any))
        )
        matches = captions.select("row", "at", **{n: self._matches(n) for n in self._scenarios})
        found: dict[int, Hits] = {}
        for name in self._scenarios:
            mine = matches.filter(name).group_by("row", maintain_order=True).agg("at")
            for row, at in mine.iter_rows():
                found.setdefault(row, {})[name] = tuple(at)
        return found

    def _matches(self, name: str) -> pl.Expr:
        text = pl.col("captions")
        if name in self._excluded:
            text = text.str.replace_all(self._excluded[name], " ")
        return text.str.contains(self._keywords[name])

    def assign(self, captions: Sequence[str]) -> Assignment | NoScenario:
        """Decide the scenario of a clip with these captions."""
        table = pl.DataFrame(
            {"captions": [list(captions)]}, schema={"captions": pl.List(pl.String)}
        )
        return self.decide(len(captions), self.hits(table).get(0, {}))

    def decide(self, captions: int, hits: Hits) -> Assignment | NoScenario:
        """The scenario of a clip with so many captions, of which `hits` match.

        Among the scenarios with enough matching captions the highest priority wins, then the most
        matching captions, then the order of the file.
        """
        if not captions:
            return NoScenario("no_captions")
        if not hits:
            return NoScenario("no_keyword")

        def rank(name: str) -> tuple[int, int, int]:
            return (-self._scenarios[name].priority, -len(hits[name]), self._order[name])

        enough = [
            name
            for name in sorted(hits, key=rank)
            if len(hits[name]) >= self._scenarios[name].needed_captions(captions)
        ]
        if not enough:
            best = max(hits, key=lambda name: len(hits[name]))
            return NoScenario("too_few_matching_captions", (best, len(hits[best])))
        return Assignment(enough[0], hits[enough[0]], tuple(enough[1:]))


def word_pattern(words: Sequence[str]) -> str:
    """Any of the words or phrases at word bounds, in singular or plural, whatever the case.

    For captions as `fold` makes them; those in plain ASCII may come as they are. In the syntax of
    Rust's regex crate, whose half bounds also stand beside signs ("c++").
    """
    alternatives = sorted({_either_number(" ".join(fold(clean(word)).split())) for word in words})
    return rf"(?i)\b{{start-half}}(?:{'|'.join(reversed(alternatives))})\b{{end-half}}"


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

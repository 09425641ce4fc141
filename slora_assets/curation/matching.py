"""Captions become scenarios here: word-bounded keywords, strong before weak, exclusions,
categories, a minimum of captions that agree.

Pure: captions and settings in, an assignment with its evidence or a reject with its reason out, a
table of clips at a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from slora_assets.config.data import ScenarioSettings
from slora_assets.config.text import clean, fold, tidy
from slora_assets.curation.word_forms import other_numbers


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


HITS: Final = pl.Schema(
    {
        "row": pl.UInt32(),
        "scenario": pl.String(),
        "place": pl.UInt32(),
        "strong": pl.List(pl.UInt32),
        "every": pl.List(pl.UInt32),
    }
)
"""Captions of a clip, as indices into its list, that match a scenario: by its keywords (`strong`),
and by its keywords and its weak ones (`every`). `place`: the scenario's in the configuration."""
DECIDED: Final = pl.Schema(
    {
        "row": pl.UInt32(),
        "scenario": pl.String(),
        "matching": pl.List(pl.UInt32),
        "runners_up": pl.List(pl.String),
        "reason": pl.String(),
        "detail": pl.String(),
        "among": pl.List(pl.String),
        "best": pl.String(),
        "best_matching": pl.UInt32(),
    }
)
"""What `Assignment` or `NoScenario` says of a clip; columns of the other are null. `detail` is what
is written beside the reason."""
_CLAIM: Final = ("sure", "priority", "strong", "matching")
"""What decides between scenarios that have enough matching captions, from the first on."""


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

    def hits(self, clips: pl.DataFrame) -> pl.DataFrame:
        """Matching captions of each row of `clips` that has any keyword, by row, then in the order
        of the scenarios: a table of HITS. Columns of `clips`: `captions`, and `category` if a
        scenario asks for it."""
        known = "category" if "category" in clips.columns else pl.lit(None, pl.String)
        numbered = clips.select("captions", category=known).with_row_index("row")
        captions = (
            numbered.with_columns(at=pl.int_ranges(pl.col("captions").list.len(), dtype=pl.UInt32))
            .explode("captions", "at")
            .with_columns(pl.col("captions").map_batches(_folded, pl.String))
            .filter(pl.col("captions").str.contains(self._any))
        )
        found = [
            captions.select(
                "row",
                "at",
                strong=self._matches(name, self._strong[name]),
                every=self._matches(name, self._every.get(name, self._strong[name])),
            )
            .filter("every")
            .group_by("row")
            .agg(strong=pl.col("at").filter("strong"), every="at")
            .with_columns(scenario=pl.lit(name), place=pl.lit(place, pl.UInt32))
            .select(*HITS)
            for place, name in enumerate(self._scenarios)
        ]
        return pl.concat([HITS.to_frame(), *found]).sort("row", "place")

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
        if not captions:
            return NoScenario("no_captions")
        decided = self.decide(table, self.hits(table))
        if decided.is_empty():
            return NoScenario("no_keyword")
        found = decided.row(0, named=True)
        if found["scenario"] is not None:
            others = tuple(found["runners_up"])
            return Assignment(found["scenario"], tuple(found["matching"]), others)
        best = found["best"], found["best_matching"]
        return NoScenario(
            found["reason"], best if found["best"] else None, tuple(found["among"] or ())
        )

    def decide(self, clips: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
        """The scenarios of those of `clips` that have `hits`, by row: a table of DECIDED.

        Scenarios whose keywords alone match enough captions go before those that need their weak
        ones. Among them the highest priority wins, then the most matching captions. Where that
        leaves several, nobody knows: the clip is ambiguous.
        """
        claims = self._claims(clips, hits)
        # Over all rows at once: within each group it takes many times as long.
        as_first = [pl.col(name) == pl.col(name).first().over("row") for name in _CLAIM]
        fit = (
            claims.filter("enough")
            .sort("row", *_CLAIM, "place", descending=[False, *[True] * len(_CLAIM), False])
            .with_columns(equal=pl.all_horizontal(as_first))
            .group_by("row")
            .agg(
                pl.col("scenario", "every").first(),
                runners_up=pl.col("scenario").slice(1),
                among=pl.col("scenario").filter("equal"),
            )
        )
        alone = pl.col("among").list.len() == 1
        decided = fit.select(
            "row",
            scenario=pl.when(alone).then("scenario"),
            matching=pl.when(alone).then("every"),
            runners_up=pl.when(alone).then("runners_up"),
            reason=pl.when(~alone).then(pl.lit("ambiguous")),
            detail=pl.when(~alone).then(pl.col("among").list.join(", ")),
            among=pl.when(~alone).then("among"),
        )
        best = (
            claims.join(fit, on="row", how="anti")
            .sort("row", "matching", "place", descending=[False, True, False])
            .unique("row", keep="first", maintain_order=True)
        )
        short = best.select(
            "row",
            reason=pl.lit("too_few_matching_captions"),
            best="scenario",
            best_matching="matching",
            detail=pl.format("{}: {}", "scenario", "matching"),
        )
        return pl.concat([DECIDED.to_frame(), decided, short], how="diagonal").sort("row")

    def _claims(self, clips: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
        """The hits with what decides between them."""
        captions = clips.select(pl.col("captions").list.len())["captions"].gather(hits["row"])
        counted = hits.with_columns(
            captions=captions,
            strong=pl.col("strong").list.len(),
            matching=pl.col("every").list.len(),
        )
        pairs = counted.select("scenario", "captions").unique()
        needed = [self._scenarios[name].needed_captions(said) for name, said in pairs.iter_rows()]
        pairs = pairs.with_columns(needed=pl.Series(needed, dtype=pl.UInt32))
        priorities = {name: one.priority for name, one in self._scenarios.items()}
        return counted.join(
            pairs, on=["scenario", "captions"], how="left", maintain_order="left"
        ).with_columns(
            enough=pl.col("matching") >= pl.col("needed"),
            sure=pl.col("strong") >= pl.col("needed"),
            priority=pl.col("scenario").replace_strict(priorities, return_dtype=pl.Int64),
        )


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

"""Captions become scenarios here: word-bounded keywords, exclusions, a minimum that agree.

Pure: captions and settings in, an assignment with its evidence or a reject with its reason out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from slora_assets.config.data import ScenarioSettings


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
        self._keywords = {name: _word_pattern(s.keywords) for name, s in scenarios.items()}
        self._excluded = {
            name: _word_pattern(s.exclude) for name, s in scenarios.items() if s.exclude
        }
        self._any = _word_pattern([word for s in scenarios.values() for word in s.keywords])

    def matching_captions(self, captions: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """For each scenario the indices of the captions that match it, scenarios without any left
        out."""
        found: dict[str, list[int]] = {}
        for index, caption in enumerate(captions):
            if self._any.search(caption) is None:
                continue
            for name, pattern in self._keywords.items():
                excluded = self._excluded.get(name)
                rest = caption if excluded is None else excluded.sub(" ", caption)
                if pattern.search(rest):
                    found.setdefault(name, []).append(index)
        return {name: tuple(indices) for name, indices in found.items()}

    def assign(self, captions: Sequence[str]) -> Assignment | NoScenario:
        """Decide the scenario of a clip with these captions.

        Among the scenarios with enough matching captions the highest priority wins, then the most
        matching captions, then the order of the file.
        """
        if not captions:
            return NoScenario("no_captions")
        matches = self.matching_captions(captions)
        if not matches:
            return NoScenario("no_keyword")
        order = list(self._scenarios)

        def rank(name: str) -> tuple[int, int, int]:
            return (-self._scenarios[name].priority, -len(matches[name]), order.index(name))

        enough = [
            name for name in sorted(matches, key=rank) if self._enough(name, matches, captions)
        ]
        if not enough:
            best = max(matches, key=lambda name: len(matches[name]))
            return NoScenario("too_few_matching_captions", (best, len(matches[best])))
        return Assignment(enough[0], matches[enough[0]], tuple(enough[1:]))

    def _enough(
        self, name: str, matches: Mapping[str, tuple[int, ...]], captions: Sequence[str]
    ) -> bool:
        wanted = min(self._scenarios[name].min_matching_captions, len(captions))
        return len(matches[name]) >= wanted


def _word_pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Any of the words or phrases at word bounds, with a plural ending or without."""
    alternatives = sorted(
        {re.escape(w.lower()).replace(r"\ ", r"\s+") for w in words}, reverse=True
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?:e?s)?(?!\w)", re.IGNORECASE)

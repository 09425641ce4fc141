"""The curation as a person reads it, in Markdown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from slora_assets.config.data import ScenarioSettings, ScenariosSettings
from slora_assets.curation.caption_figures import RepeatedCaptions, caption_lengths
from slora_assets.curation.leaks import leak_sentence, leaks_among, may_leak
from slora_assets.documents import Clip, MetadataSummary, ScenarioEntry
from slora_assets.provenance.clip_tables import table_of
from slora_assets.provenance.curated import Curated
from slora_assets.provenance.markdown import markdown_cell as _cell

if TYPE_CHECKING:
    import polars as pl

    from slora_assets.curation.told import Counts

_EXAMPLES: Final = 3
_MINIMUMS: Final = range(1, 6)
_REPEATED: Final = 10
_LENGTH_STEP: Final = 5
_BAR: Final = 40
"""Longest bar of a histogram, in characters."""


def report(
    curated: Curated,
    scenarios: ScenariosSettings | None = None,
    counts: Counts | None = None,
    gathered: Gathered | None = None,
) -> str:
    """Counts, rejects, what other minimums and each keyword give, caption lengths, repeated
    captions, categories and examples; `gathered` from the clips, if that was done already."""
    active, summary = scenarios.active if scenarios else {}, curated.summary
    if gathered is None:
        gathered = Gathered()
        gathered.add(table_of(curated.clips()))
    sections = [
        _head(summary, curated.count),
        _scenarios(summary),
        _leaks(curated),
        _rejects(summary),
        _minimums(active, counts) if counts else "",
        _keywords(curated, active),
        _lengths(gathered.lengths),
        _repeated(gathered.repeated, curated),
        _categories(gathered.categories),
        _examples(summary, gathered.examples),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


class Gathered:
    """What one walk over all clips shows, whatever their number."""

    def __init__(self) -> None:
        self.lengths: Counter[int] = Counter()
        self.repeated = RepeatedCaptions()
        self.categories: Counter[tuple[str, str | None]] = Counter()
        self.examples: defaultdict[str, list[Clip]] = defaultdict(list)

    def add(self, clips: pl.DataFrame) -> None:
        """The next clips by id, a table of `clip_schema`."""
        self.lengths.update(caption_lengths(clips["captions"], _LENGTH_STEP))
        self.repeated.add(clips["captions"])
        counted = clips.group_by("scenario", "category").len().iter_rows()
        for scenario, category, count in counted:
            self.categories[scenario, category] += count
        first = clips.group_by("scenario", maintain_order=True).head(_EXAMPLES)
        for row in first.iter_rows(named=True):
            if len(self.examples[row["scenario"]]) < _EXAMPLES:
                self.examples[row["scenario"]].append(Clip(**row))


def counts_of(entry: ScenarioEntry) -> str:
    """A scenario's clips at each step of the sorting, in a line."""
    return (
        f"{entry.any_caption} clips with any matching caption, {entry.matched} with enough;"
        f" {entry.train} train, {entry.validation} validation, {entry.test} test,"
        f" {entry.missing} missing, {entry.unusable} unusable"
    )


def state_of(entry: ScenarioEntry) -> str:
    """Whether a scenario can be trained, and why not."""
    if entry.retired:
        return entry.shortfall or "it is retired"
    return f"too few: {entry.shortfall}" if entry.shortfall else "ready"


def _head(metadata: MetadataSummary, clips: int) -> str:
    dataset = metadata.dataset
    return (
        f"# Curation of {dataset.name}\n\nLicence: {dataset.licence}. Use: {dataset.use}.\n\n"
        f"{clips} clips in {len(metadata.scenarios)} scenarios,"
        f" {sum(metadata.reject_counts.values())} rejected."
    )


def _scenarios(metadata: MetadataSummary) -> str:
    rows = [
        (
            name,
            entry.any_caption,
            entry.matched,
            entry.train,
            entry.validation,
            entry.test,
            entry.missing,
            entry.unusable,
            state_of(entry),
        )
        for name, entry in metadata.scenarios.items()
    ]
    head = (
        "scenario",
        "any caption matches",
        "enough match",
        "train",
        "validation",
        "test",
        "missing",
        "unusable",
        "state",
    )
    return _table(head, rows) + (
        "\n\n*Any caption* counts clips with a keyword in at least one caption, *enough* those of"
        " them that reach the scenario's minimum and have no scenario that goes before."
    )


def leaks_in(curated: Curated) -> list[str]:
    """A sentence of each scenario whose clips must not be trained on as they are."""
    found = {
        name: leaks_among(curated.of_scenario(name))
        for name, entry in curated.summary.scenarios.items()
        if not entry.retired and may_leak(curated, name)
    }
    return [leak_sentence(name, leaks) for name, leaks in found.items() if leaks]


def _leaks(curated: Curated) -> str:
    sentences = leaks_in(curated)
    return "\n".join(["## Leaks", "", *(f"- {one}" for one in sentences)]) if sentences else ""


def _rejects(metadata: MetadataSummary) -> str:
    return "## Rejects\n\n" + _table(("reason", "clips"), metadata.reject_counts.items())


def _minimums(scenarios: Mapping[str, ScenarioSettings], counts: Counts) -> str:
    """Clips by how many of their captions would have to match."""
    rows = []
    for name, settings in scenarios.items():
        found = [
            sum(clips for agree, clips in counts.agreeing[name].items() if agree >= minimum)
            for minimum in _MINIMUMS
        ]
        rows.append((name, settings.min_matching_captions, *found))
    if not rows:
        return ""
    return (
        "## Minimum of matching captions\n\nClips that match, present or not, before other"
        " scenarios and categories take theirs, if so many captions had to (or all, where a clip"
        " has fewer):\n\n" + _table(("scenario", "set to", *map(str, _MINIMUMS)), rows)
    )


def _keywords(curated: Curated, scenarios: Mapping[str, ScenarioSettings]) -> str:
    """Each keyword's clips."""
    from slora_assets.curation.keyword_table import clips_by_keyword

    rows = [
        (
            one.scenario,
            f"{one.keyword} (weak)" if one.weak else one.keyword,
            len(one.clips),
            one.alone,
            ", ".join(one.clips[:_EXAMPLES]),
            one.example or "",
        )
        for one in clips_by_keyword(curated, scenarios)
    ]
    if not rows:
        return ""
    head = ("scenario", "keyword", "clips", "by it alone", "such as", "which say")
    return (
        "## Keywords\n\nClips of each scenario that a keyword finds, and how many of them would"
        " not be there without it. A keyword whose clips are off the point is better dropped, made"
        " weak, or kept from captions by `exclude`.\n\n" + _table(head, rows)
    )


def _lengths(lengths: Counter[int]) -> str:
    """Histogram of caption lengths in words."""
    if not lengths:
        return ""
    most = max(lengths.values())
    rows = [
        (
            f"{step * _LENGTH_STEP} to {step * _LENGTH_STEP + _LENGTH_STEP - 1}",
            lengths[step],
            "#" * round(_BAR * lengths[step] / most),
        )
        for step in range(max(lengths) + 1)
    ]
    return "## Caption length\n\n" + _table(("words", "captions", ""), rows)


def _repeated(repeated: RepeatedCaptions, curated: Curated) -> str:
    """Captions that several clips share but for case, punctuation and the order of words."""
    shared, most = repeated.most(curated.captions(), _REPEATED)
    if not shared:
        return ""
    return (
        f"## Near-duplicate captions\n\n{shared} captions stand at more than one clip,"
        " but for case, punctuation and the order of words. The most frequent:\n\n"
        + _table(("caption", "clips"), most)
    )


def _categories(found: Counter[tuple[str, str | None]]) -> str:
    if all(category is None for _, category in found):
        return ""
    counts = Counter[tuple[str, str]]()
    for (scenario, category), clips in found.items():
        counts[scenario, category or "none"] += clips
    scenarios = sorted({scenario for scenario, _ in counts})
    categories = sorted({category for _, category in counts}, key=lambda c: (len(c), c))
    rows = [
        (category, *(counts[scenario, category] or "" for scenario in scenarios))
        for category in categories
    ]
    return "## Balance by category\n\n" + _table(("category", *scenarios), rows)


def _examples(metadata: MetadataSummary, examples: Mapping[str, list[Clip]]) -> str:
    lines = ["## Examples", "", "Clips of each scenario, and captions that put them there:", ""]
    for name in metadata.scenarios:
        for clip in examples.get(name, ()):
            quoted = "; ".join(_cell(c) for c in clip.evidence.matching_captions[:_EXAMPLES])
            also = clip.evidence.also_matched
            more = f" (also matched: {', '.join(also)})" if also else ""
            lines.append(f"- **{name}** `{clip.id}` ({clip.split}): {quoted}{more}")
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)

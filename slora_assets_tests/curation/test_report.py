"""The curation's report counts what there is, and no caption can break out of its place in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.config.workspace import Workspace
from slora_assets.curation.report import report
from slora_assets.documents import (
    Clip,
    DatasetEntry,
    MatchingEvidence,
    ScenarioEntry,
    ScenarioMetadata,
)
from slora_assets.provenance.curated import Curated, read_metadata
from slora_assets_tests.caches.made import clip

MARKUP = "|`<>*\\"


def _captioned(clip_id: str, *captions: str, **more: object) -> Clip:
    evidence = MatchingEvidence(
        matching_captions=list(captions), captions=len(captions), also_matched=[]
    )
    return clip(clip_id, captions=list(captions), evidence=evidence, **more)


def _metadata(clips: Sequence[Clip], **rejected: int) -> ScenarioMetadata:
    counts = Counter(one.split for one in clips)
    entry = ScenarioEntry(
        description="A market.",
        any_caption=40,
        matched=30,
        missing=5,
        unusable=2,
        train=counts["train"],
        validation=counts["validation"],
        test=counts["test"],
        min_train_clips=1,
        min_validation_clips=1,
        shortfall=None,
    )
    few = entry.model_copy(update={"train": 0, "shortfall": "0 train clips of at least 1"})
    return ScenarioMetadata(
        dataset=DatasetEntry(name="sample", licence="CC0-1.0", use="any", annotations={}),
        config_hash="1" * 64,
        dataset_hash="2" * 64,
        scenarios={"market_floor": entry, "lighthouse": few},
        clips=list(clips),
        reject_counts=rejected,
        rejects=[],
    )


def _section(text: str, heading: str) -> list[str]:
    """The lines of a section, from its heading to the next."""
    (section,) = (part for part in text.split("\n## ") if part.splitlines()[0] == heading)
    return section.splitlines()[1:]


def _cells(line: str) -> list[str]:
    """A row's cells as a renderer shows them; no markup may be left in them."""
    cells, escaped = [""], False
    for character in line:
        if escaped:
            cells[-1] += character
        elif character == "|":
            cells.append("")
        else:
            assert character == "\\" or character not in MARKUP, f"markup in {line!r}"
            cells[-1] += character if character != "\\" else ""
        escaped = not escaped and character == "\\"
    assert cells[0] == cells[-1] == "", f"not a row: {line!r}"
    return [cell.strip() for cell in cells[1:-1]]


def _table(lines: Sequence[str]) -> list[list[str]]:
    """The rows of a section's table, without its two head lines."""
    rows = [_cells(line) for line in lines if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1, "every row has as many cells as the head"
    return rows[2:]


def _curated(clips: Sequence[Clip], **rejected: int) -> Curated:
    return Curated(_metadata(clips, **rejected), Path())


def test_the_counts_are_those_of_the_metadata() -> None:
    clips = [_captioned(f"video{number}", "a market") for number in range(3)]
    clips.append(_captioned("video3", "a stall", split="validation"))
    text = report(_curated(clips, no_keyword=7, missing=5))
    assert "# Curation of sample\n\nLicence: CC0-1.0. Use: any.\n" in text
    assert "4 clips in 2 scenarios, 12 rejected." in text
    rows = {name: row for name, *row in _table(text.split("\n## ")[0].splitlines())}
    assert rows == {
        "market_floor": ["40", "30", "3", "1", "0", "5", "2", "ready"],
        "lighthouse": ["40", "30", "0", "1", "0", "5", "2", "too few: 0 train clips of at least 1"],
    }
    assert _table(_section(text, "Rejects")) == [["no_keyword", "7"], ["missing", "5"]]


def test_the_report_of_the_sample_footage_counts_what_lies_on_disk(workspace: Workspace) -> None:
    text = workspace.curation_report.read_text()
    metadata = read_metadata(workspace.scenario_metadata)
    rejects = pl.read_parquet(workspace.metadata / "rejects")
    assert f"{len(metadata.clips)} clips in {len(metadata.scenarios)} scenarios" in text
    assert _table(_section(text, "Rejects")) == [
        [reason, str(count)] for reason, count in sorted(Counter(rejects["reason"]).items())
    ]
    histogram = _table(_section(text, "Caption length"))
    captions = sum(len(clip.captions) for clip in metadata.clips)
    assert sum(int(count) for _, count, _ in histogram) == captions


@given(st.lists(st.lists(st.text(" ab", max_size=60), min_size=1), min_size=1, max_size=5))
def test_the_histogram_counts_every_caption_once_by_its_words(captions: list[list[str]]) -> None:
    clips = [_captioned(f"video{number}", *found) for number, found in enumerate(captions)]
    histogram = _table(_section(report(_curated(clips)), "Caption length"))
    lengths = [len(caption.split()) for found in captions for caption in found]
    for span, count, _ in histogram:
        first, last = map(int, span.split(" to "))
        assert int(count) == sum(first <= length <= last for length in lengths)
    bars = [len(bar) for _, _, bar in sorted(histogram, key=lambda row: int(row[1]))]
    assert bars == sorted(bars) and bars[-1] > 0
    assert sum(int(count) for _, count, _ in histogram) == len(lengths)


def test_captions_that_several_clips_share_are_counted_by_clip() -> None:
    text = report(
        _curated(
            [
                _captioned("video0", "A market, busy!", "a market, busy"),
                _captioned("video1", "a busy market"),
                _captioned("video2", "Busy: a MARKET", "a red stall"),
                _captioned("video3", "a red stall"),
                _captioned("video4", "a cart alone"),
            ]
        )
    )
    section = _section(text, "Near-duplicate captions")
    assert _table(section) == [["A market, busy!", "3"], ["a red stall", "2"]]
    assert any(line.startswith("2 captions stand at more than one clip") for line in section)


def test_without_shared_captions_and_categories_there_are_no_sections_about_them() -> None:
    text = report(_curated([_captioned("video0", "a market")]))
    assert "Near-duplicate" not in text
    assert "category" not in text


def test_clips_are_counted_by_category_and_scenario() -> None:
    clips = [
        _captioned("video0", "a market", category="10"),
        _captioned("video1", "a stall", category="9"),
        _captioned("video2", "a cart", category="9"),
        _captioned("video3", "a stage", category="9", scenario="stage"),
        _captioned("video4", "a fair"),
    ]
    section = _section(report(_curated(clips)), "Balance by category")
    assert _table(section) == [["9", "2", "1"], ["10", "1", ""], ["none", "1", ""]]


@given(st.text(f"{MARKUP}ab ", min_size=1).filter(str.strip))
def test_no_caption_breaks_out_of_its_cell_or_becomes_markup(caption: str) -> None:
    text = report(_curated([_captioned(f"video{number}", caption) for number in range(2)]))
    ((shown, clips),) = _table(_section(text, "Near-duplicate captions"))
    assert (shown, clips) == (caption.strip(), "2")
    examples = [line for line in _section(text, "Examples") if line.startswith("- ")]
    for line, number in zip(examples, range(2), strict=True):
        start = f"- **market_floor** `video{number}` (train): "
        assert line.startswith(start)
        assert _cells(f"|{line.removeprefix(start)}|") == [caption.strip()]


@pytest.mark.parametrize("caption", ["a market\n# a heading", "[a market](http://a.example)"])
def test_no_caption_becomes_a_line_or_a_link_of_its_own(caption: str) -> None:
    text = report(_curated([_captioned("video0", caption)]))
    assert "\n# a heading" not in text
    assert "[a market](http" not in text

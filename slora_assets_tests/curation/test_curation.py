"""Which clips a scenario gets, on which side of the split, and what bad annotations are told."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.config.data import ScenarioSettings
from slora_assets.config.errors import CurationError, IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations.json_files import read_captioned_clips, read_msrvtt
from slora_assets.curation.manifest import write_manifest
from slora_assets.curation.matching import Assignment, NoScenario, ScenarioMatcher
from slora_assets.curation.prompts import prompts_for
from slora_assets.curation.splits import SourceGroups
from slora_assets.provenance.curated import read_metadata


def _scenario(*keywords: str, **more: object) -> ScenarioSettings:
    return ScenarioSettings.model_validate(
        {"description": "d", "keywords": list(keywords), "min_matching_captions": 1} | more
    )


@pytest.mark.parametrize(
    ("caption", "matches"),
    [
        ("a busy market", True),
        ("Two MARKETS at night", True),
        ("a supermarket", False),
        ("marketing people", False),
        ("the stock market falls", False),
        ("a stock market beside a fish market", True),
    ],
)
def test_keywords_match_whole_words_and_respect_exclusions(caption: str, matches: bool) -> None:
    matcher = ScenarioMatcher({"market": _scenario("market", exclude=["stock market"])})
    assert isinstance(matcher.assign([caption]), Assignment) is matches


def test_too_few_agreeing_captions_is_a_reject_with_its_count() -> None:
    matcher = ScenarioMatcher({"market": _scenario("market", min_matching_captions=3)})
    outcome = matcher.assign(["a market", "a market", "a dog", "a cat"])
    assert outcome == NoScenario("too_few_matching_captions", ("market", 2))
    assert isinstance(matcher.assign(["the market"]), Assignment), (
        "a clip with one caption can agree"
    )


def test_a_minimum_share_counts_with_the_minimum_number() -> None:
    rule = _scenario("market", min_matching_captions=2, min_matching_share=0.5)
    matcher = ScenarioMatcher({"market": rule})
    two_of_four = matcher.assign(["a market", "a market", "a dog", "a cat"])
    assert two_of_four == Assignment("market", (0, 1), ())
    assert matcher.assign(["a market", "markets", *["a dog"] * 3]) == NoScenario(
        "too_few_matching_captions", ("market", 2)
    )


@pytest.mark.parametrize(
    ("keyword", "caption", "matches"),
    [
        ("butterfly", "two Butterflies", True),
        ("dish", "washing dishes", True),
        ("toy", "many toys", True),
        ("c++", "learn C++ today", True),
        ("café", "a CAFÉ in Paris", True),
        ("street market", "a street\u00a0market", True),
        ("stall", "installed", False),
    ],
)
def test_keywords_are_matched_in_their_plain_inflections(
    keyword: str, caption: str, matches: bool
) -> None:
    matcher = ScenarioMatcher({"one": _scenario(keyword)})
    assert isinstance(matcher.assign([caption]), Assignment) is matches


def test_priority_decides_before_the_number_of_captions() -> None:
    scenarios = {"street": _scenario("street"), "market": _scenario("market", priority=1)}
    outcome = ScenarioMatcher(scenarios).assign(["a street", "a street", "a street market"])
    assert outcome == Assignment("market", (2,), ("street",))


OFFICIAL = ("test", "validate", "train", None)
"""Official splits, the strictest first."""


@given(
    st.dictionaries(
        st.text(min_size=1), st.lists(st.sampled_from(OFFICIAL), min_size=1), max_size=9
    ),
    st.randoms(use_true_random=False),
    st.floats(0.01, 0.99),
)
def test_all_clips_of_a_source_get_its_strictest_official_split_or_its_hash_decides(
    sources: dict[str, list[str | None]], order: Random, share: float
) -> None:
    clips = [(source, split) for source, found in sources.items() for split in found]
    order.shuffle(clips)
    groups, hash_alone = SourceGroups(), SourceGroups()
    for start in range(0, len(clips), 3):  # batches, so that a source's clips come apart
        groups.see(_grouped(clips[start : start + 3]))
    validated = any(split == "validate" for _, split in clips)
    for source, found in sources.items():
        strictest = min(found, key=OFFICIAL.index)
        by_hash = hash_alone.split(source, share)
        assert (
            groups.split(source, share)
            == {
                "test": "test",
                "validate": "validation",
                "train": "train" if validated else by_hash,
                None: by_hash,
            }[strictest]
        )


@given(st.text(), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_larger_share_of_validation_takes_no_source_back(
    source: str, one: float, other: float
) -> None:
    smaller, larger = (SourceGroups().split(source, share) for share in sorted((one, other)))
    assert {smaller, larger} <= {"train", "validation"}
    assert (smaller, larger) != ("validation", "train")


def test_the_hash_holds_out_about_the_share_that_was_asked_for() -> None:
    groups = SourceGroups()
    held_out = [groups.split(f"url{n}", 0.2) for n in range(2000)].count("validation")
    assert 0.17 < held_out / 2000 < 0.23


def test_no_source_of_the_sample_footage_is_on_two_sides(workspace: Workspace) -> None:
    sides: dict[str, set[str]] = {}
    for clip in read_metadata(workspace.scenario_metadata).clips:
        sides.setdefault(clip.source_group, set()).add(clip.split)
        assert clip.official_split != "test" or clip.split == "test"
    assert {len(found) for found in sides.values()} == {1}
    assert set.union(*sides.values()) == {"train", "validation", "test"}


@given(st.sets(st.text(min_size=1), min_size=2, max_size=30))
def test_new_footage_never_moves_an_old_clip(groups: set[str]) -> None:
    ordered = sorted(groups)
    before, after = SourceGroups(), SourceGroups()
    before.see(_grouped([(group, None) for group in ordered[:-1]]))
    after.see(_grouped([(group, None) for group in ordered]))
    assert all(before.split(one, 0.3) == after.split(one, 0.3) for one in ordered[:-1])


def _grouped(rows: list[tuple[str, str | None]]) -> pl.DataFrame:
    schema = {"source_group": pl.String, "official_split": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


def test_prompts_are_unique_limited_and_the_same_in_any_order() -> None:
    scenario = _scenario("market", prompts_per_clip=3)
    captions = ["a market.", "A  market", "two stalls", "a cart", "fruit"]
    chosen = prompts_for("clip", captions, scenario)
    assert len(chosen) == len({prompt.casefold() for prompt in chosen}) == 3
    other = prompts_for("clip", captions[::-1], scenario)
    assert [p.casefold() for p in other] == [p.casefold() for p in chosen]


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_msrvtt_annotations_are_read_plain_and_compressed(tmp_path: Path, suffix: str) -> None:
    document = {
        "videos": [{"video_id": "video1", "url": "u", "split": "train", "start time": 1.5}],
        "sentences": [{"video_id": "video1", "caption": "a market"}],
    }
    data = json.dumps(document).encode()
    path = tmp_path / f"videodatainfo.json{suffix}"
    packed = {".gz": gzip.compress, ".xz": lzma.compress}.get(suffix, bytes)(data)
    path.write_bytes(packed)
    (clip,) = next(read_msrvtt(path)).rows(named=True)
    assert (clip["source_group"], clip["captions"], clip["source_start_s"]) == (
        "u",
        ["a market"],
        1.5,
    )


@pytest.mark.parametrize("text", ["", "[]", '{"videos": []}', '{"videos": [{}], "sentences": []}'])
def test_what_is_no_msrvtt_annotation_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "videodatainfo.json"
    path.write_text(text)
    with pytest.raises(IntegrityError, match=r"videodatainfo\.json"):
        list(read_msrvtt(path))


def test_clips_of_one_panda_video_share_a_source(tmp_path: Path) -> None:
    path = tmp_path / "captions.json"
    path.write_text(json.dumps([{"clip": f"abc.{i}", "caption": "c"} for i in range(2)]))
    assert set(next(read_captioned_clips(path))["source_group"]) == {"abc"}


def test_a_scenario_below_its_minimum_fails_with_the_counts_and_alone(workspace: Workspace) -> None:
    with pytest.raises(CurationError, match=r"0 train clips of at least 8"):
        write_manifest(workspace, "lighthouse")
    clips = write_manifest(workspace, "market_floor").clips
    assert len(clips) >= 8


def test_the_metadata_say_why_each_clip_is_where_it_is(workspace: Workspace) -> None:
    metadata = read_metadata(workspace.scenario_metadata)
    for clip in metadata.clips:
        assert len(clip.evidence.matching_captions) >= 3
        assert (workspace.root / clip.path).is_file()
        assert 1 <= len(clip.prompts) <= 4
    rejects = pl.read_parquet(workspace.metadata / "rejects")
    assert set(rejects["reason"]) <= {"no_keyword", "too_few_matching_captions"}
    assert len(rejects) == sum(metadata.reject_counts.values())
    assert not {clip.id for clip in metadata.clips} & set(rejects["id"])


def test_of_prompts_that_differ_by_a_typo_the_usual_wording_stays() -> None:
    captions = ["a cart moves elft", "a cart moves left", "the blue cart goes left", "Ein Café"]
    chosen = prompts_for("clip", captions, _scenario("cart", prompts_per_clip=9))
    assert set(chosen) == {"a cart moves left", "the blue cart goes left", "Ein Café"}


def test_composed_and_decomposed_letters_are_one_prompt() -> None:
    captions = ["a cafe\u0301", "a caf\u00e9", "a caf\u00e9\u200b"]
    assert prompts_for("clip", captions, _scenario("café")) == ["a caf\u00e9"]

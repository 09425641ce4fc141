"""Who gets a clip that several scenarios want: strong words before weak, priorities, and nobody
where nothing decides. What the report says about the rules is what they give."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from slora_assets.config.data import ScenarioSettings, ScenariosSettings, read_dataset
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.matching import Assignment, NoScenario, ScenarioMatcher
from slora_assets.curation.report import report
from slora_assets.curation.sorting import build_metadata
from slora_assets.curation.told import Counts
from slora_assets.documents import Inventory
from slora_assets.provenance import object_hash
from slora_assets.provenance.curated import Curated
from slora_assets_tests.curation.annotated import sort


def _scenario(*keywords: str, **more: object) -> ScenarioSettings:
    return ScenarioSettings.model_validate(
        {"description": "d", "keywords": list(keywords), "min_matching_captions": 1} | more
    )


def test_by_default_three_captions_agree_or_all_of_fewer() -> None:
    rule = ScenarioSettings(description="d", keywords=["market"])
    matcher = ScenarioMatcher({"market": rule})
    for said, captions in ((1, 1), (2, 2), (3, 3), (3, 5), (3, 20)):
        texts = ["a market"] * said + ["a dog"] * (captions - said)
        assert isinstance(matcher.assign(texts), Assignment)
        assert not isinstance(matcher.assign([*texts[1:], "a dog"]), Assignment)


def test_equal_claims_are_ambiguous_whatever_the_order_of_the_file() -> None:
    rules = {"street": _scenario("street"), "market": _scenario("market")}
    for names in (["street", "market"], ["market", "street"]):
        outcome = ScenarioMatcher({name: rules[name] for name in names}).assign(["a street market"])
        assert outcome == NoScenario("ambiguous", among=tuple(names))


def test_a_priority_or_one_more_caption_decides() -> None:
    street, market = _scenario("street"), _scenario("market", priority=1)
    first = ScenarioMatcher({"street": street, "market": market}).assign(["a street market"])
    assert first == Assignment("market", (0,), ("street",))
    plain = ScenarioMatcher({"street": street, "market": _scenario("market")})
    assert plain.assign(["a street market", "a street"]) == Assignment(
        "street", (0, 1), ("market",)
    )


SAID = st.lists(st.sampled_from(["street", "market", "food", "stage"]), max_size=3).map(" ".join)


@settings(max_examples=30)
@given(st.lists(st.lists(SAID, max_size=4), max_size=6))
def test_many_clips_are_decided_as_each_alone(clips: list[list[str]]) -> None:
    rules = {
        "street": _scenario("street", min_matching_captions=2),
        "market": _scenario("market", weak_keywords=["food"]),
        "stage": _scenario("stage", priority=1, min_matching_share=0.5),
    }
    matcher = ScenarioMatcher(rules)
    table = pl.DataFrame({"captions": clips}, {"captions": pl.List(pl.String)})
    decided = matcher.decide(table, matcher.hits(table))
    together = {row["row"]: row for row in decided.iter_rows(named=True)}
    for number, captions in enumerate(clips):
        alone, found = matcher.assign(captions), together.get(number)
        if isinstance(alone, Assignment):
            assert found is not None and found["scenario"] == alone.scenario
            assert (*found["matching"],) == alone.matching
            assert (*found["runners_up"],) == alone.runners_up
        elif found is None:
            assert alone.reason in ("no_captions", "no_keyword")
        else:
            assert (found["scenario"], found["reason"]) == (None, alone.reason)
            assert (*(found["among"] or ()),) == alone.among


def test_two_that_are_equal_behind_the_winner_leave_it_alone() -> None:
    rules = {
        "street": _scenario("street"),
        "market": _scenario("market"),
        "stage": _scenario("stage"),
    }
    outcome = ScenarioMatcher(rules).assign(["a street market stage", "a stage"])
    assert outcome == Assignment("stage", (0, 1), ("street", "market"))


def test_strong_words_go_before_weak_ones_of_any_number() -> None:
    rules = {
        "kitchen": _scenario("kitchen", weak_keywords=["table", "food"]),
        "market": _scenario("market", weak_keywords=["food", "people"]),
    }
    matcher = ScenarioMatcher(rules)
    assert matcher.assign(["food at a kitchen", "people", "people", "food"]) == Assignment(
        "kitchen", (0, 3), ("market",)
    )
    assert matcher.assign(["a table", "a dog"]) == Assignment("kitchen", (0,), ())
    assert matcher.assign(["food"]) == NoScenario("ambiguous", among=("kitchen", "market"))


def test_weak_words_count_together_with_strong_ones() -> None:
    rule = _scenario("market", weak_keywords=["stall"], min_matching_captions=2)
    matcher = ScenarioMatcher({"market": rule})
    assert matcher.assign(["a market", "a stall", "a dog"]) == Assignment("market", (0, 1), ())
    assert not isinstance(matcher.assign(["a market", "a cat", "a dog"]), Assignment)


def test_a_weak_word_may_be_several_scenarios() -> None:
    one = {"description": "d", "keywords": ["x"], "weak_keywords": ["food"]}
    other = one | {"keywords": ["y"]}
    ScenariosSettings.model_validate({"schema_version": 1, "scenarios": {"a": one, "b": other}})


def test_only_clips_of_a_scenario_s_categories_are_its_own() -> None:
    matcher = ScenarioMatcher({"sport": _scenario("ball", categories=[3, "Sports"])})
    for category in ("3", "sports", "SPORTS"):
        assert isinstance(matcher.assign(["a ball"], category), Assignment)
    for category in ("4", None, "33"):
        assert matcher.assign(["a ball"], category) == NoScenario("no_keyword")


def test_configurations_without_the_new_keys_have_the_hash_they_had() -> None:
    dumped = _scenario("market").model_dump(mode="json")
    assert not {"weak_keywords", "categories", "retired"} & dumped.keys()
    assert object_hash(dumped) != object_hash(
        _scenario("market", categories=["1"]).model_dump(mode="json")
    )


SCENARIOS = """\
schema_version: 1
scenarios:
  market: {description: a market, keywords: [market, stall], min_matching_captions: 2}
  street: {description: a street, keywords: [street], min_matching_captions: 1}
"""
CAPTIONS = {
    "a": ["a market", "a market", "a dog"],
    "b": ["a market", "a stall", "a dog"],
    "c": ["a stall", "a cat", "a dog"],
    "d": ["a stall"],
    "e": ["a street", "a market"],
    "f": ["a market street", "a market street"],
}


def test_the_report_says_what_each_minimum_and_keyword_gives(tmp_path: Path) -> None:
    (tmp_path / "scenarios.yaml").write_text(SCENARIOS)
    files = {f"footage/{name}.json": json.dumps(said) for name, said in CAPTIONS.items()}
    files |= {f"footage/{name}.mp4": "" for name in CAPTIONS}
    found = sort(tmp_path, files, format="folder")
    assert sorted(found.clips) == ["a", "b", "d", "e"]
    assert found.rejects["f"] == ("ambiguous", "market, street")
    dataset, scenarios = read_dataset(tmp_path / "dataset.yaml")
    workspace = Workspace(tmp_path, tmp_path, tmp_path / "dataset.yaml")
    counts = Counts()
    nothing = Inventory(dataset="try", annotations={}, files={}, rejects=[])
    batches = read_annotations(dataset, [tmp_path / "footage"], {})
    metadata = build_metadata(dataset, scenarios, batches, nothing, workspace, counts=counts)
    metadata = metadata.model_copy(update={"clips": list(found.clips.values())})
    text = report(Curated(metadata, tmp_path), scenarios, counts)
    assert "| market | 2 | 6 | 4 | 2 | 2 | 2 |" in text
    assert "| street | 1 | 2 | 1 | 1 | 1 | 1 |" in text
    assert "| market | market | 2 | 2 | a, b | a market |" in text
    assert "| market | stall | 2 | 2 | b, d | a stall |" in text
    assert "| street | street | 1 | 1 | e | a street |" in text

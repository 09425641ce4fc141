"""Keywords find what captions say, in whatever characters and number it stands there."""

from __future__ import annotations

import pytest

from slora_assets.config.data import ScenarioSettings
from slora_assets.curation.matching import Assignment, ScenarioMatcher


def _found(keyword: str, caption: str, *excluded: str) -> bool:
    scenario = ScenarioSettings(
        description="d", keywords=[keyword], exclude=[*excluded], min_matching_captions=1
    )
    return isinstance(ScenarioMatcher({"one": scenario}).assign([caption]), Assignment)


@pytest.mark.parametrize(
    ("keyword", "caption"),
    [
        ("farmer's market", "a farmer’s market"),
        ("farmer’s market", "a farmer's market"),
        ("farmer's market", "a farmer`s market"),
        ("café", "a cafe\u0301 in Paris"),
        ("cafe\u0301", "a CAFÉ in Paris"),
        ("street-market", "a street\u2011market"),
        ("market", "a\u200bmarket"),
        ("market", "a mar\u200bket"),
        ("market", "\ufeffmarket"),
        ("market", "a mar\u00adket"),
        ("street market", "a street\u202fmarket"),
        ("street\u00a0market", "a street market"),
        ("street market", "a street\n market"),
        ("market", "a ｍａｒｋｅｔ"),
    ],
)
def test_characters_that_look_alike_are_one(keyword: str, caption: str) -> None:
    assert _found(keyword, caption)


@pytest.mark.parametrize(
    ("keyword", "caption"),
    [
        ("dogs", "a dog"),
        ("dog", "two dogs"),
        ("man", "two men"),
        ("men", "one man"),
        ("woman", "women"),
        ("firemen", "a fireman"),
        ("human", "humans"),
        ("humans", "a human"),
        ("knife", "sharp knives"),
        ("knives", "a knife"),
        ("wolf", "wolves"),
        ("bookshelf", "two bookshelves"),
        ("child", "children"),
        ("people", "a person"),
        ("mouse", "three mice"),
        ("story", "stories"),
        ("stories", "a story"),
        ("cookies", "a cookie"),
        ("box", "boxes"),
        ("boxes", "a box"),
        ("dishes", "a dish"),
        ("potatoes", "a potato"),
        ("buses", "a bus"),
        ("quiz", "quizzes"),
        ("old men", "an old man"),
        ("street markets", "a street market"),
        ("dog", "the dog's ball"),
    ],
)
def test_one_number_finds_the_other(keyword: str, caption: str) -> None:
    assert _found(keyword, caption)


@pytest.mark.parametrize(
    ("keyword", "caption"),
    [
        ("news", "a new car"),
        ("goods", "a good dog"),
        ("glass", "gla"),
        ("toes", "to the left"),
        ("leaves", "they leave"),
        ("dogs", "a dogged man"),
        ("human", "humen"),
        ("café", "a cafe"),
        ("market", "a supermarket"),
    ],
)
def test_another_word_is_not_found(keyword: str, caption: str) -> None:
    assert not _found(keyword, caption)


def test_exclusions_are_read_alike() -> None:
    assert not _found("market", "a farmer’s market", "farmer's market")
    assert not _found("stall", "toilet stalls", "toilet stall")
    assert _found("market", "a farmer’s market and a market", "farmers market")

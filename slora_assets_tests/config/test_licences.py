"""The table of licences: what is not in it allows research alone, and nothing makes a licence wider
than it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from slora_assets.base_models.catalogue import LICENCES as BASES
from slora_assets.config.licences import LICENCES, licence_of, rank, strictest, use_of

DATASETS = sorted((Path(__file__).parents[2] / "configs/data").glob("*.yaml"))


@pytest.mark.parametrize(
    ("text", "id_", "allows"),
    [
        ("Apache-2.0", "Apache-2.0", "commercial"),
        ("apache-2.0", "Apache-2.0", "commercial"),
        ("CC0", "CC0-1.0", "commercial"),
        (" CC  BY-NC 4.0 ", "CC-BY-NC-4.0", "non-commercial"),
        ("CC-BY-NC-ND-4.0", "CC-BY-NC-ND-4.0", "research"),
        ("CC-BY-4.0 AND CC-BY-NC-4.0", "CC-BY-NC-4.0", "non-commercial"),
        ("CC-BY-4.0 OR CC-BY-NC-4.0", "CC-BY-4.0", "commercial"),
        ("MIT OR CC-BY-NC-4.0 AND ours", "MIT", "commercial"),
        ("own footage", "LicenseRef-Own", "commercial"),
        ("Ours, since 2019", "Ours, since 2019", "research"),
        ("Apache-2.0 WITH something", "Apache-2.0 WITH something", "research"),
        ("", "no licence", "research"),
    ],
)
def test_a_text_names_a_licence_and_what_it_allows(text: str, id_: str, allows: str) -> None:
    found = licence_of(text)
    assert (found.id, found.allows) == (id_, allows)


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("any; the footage is rendered by this project", "commercial"),
        ("any, with credit", "commercial"),
        ("non-commercial research", "research"),
        ("Non-Commercial (no payment)", "non-commercial"),
        ("research", "research"),
        ("anything goes", "research"),
        ("", "research"),
    ],
)
def test_a_use_is_named_by_its_first_words_and_unclear_ones_are_research(
    text: str, use: str
) -> None:
    assert use_of(text) == use


def test_datasets_and_bases_of_the_project_are_all_in_the_table() -> None:
    named = [YAML(typ="safe").load(file).get("licence") for file in DATASETS]
    for text in [*filter(None, named), *BASES.values()]:
        assert licence_of(text).known, text


@given(st.text(max_size=40))
def test_no_unknown_text_allows_more_than_research(text: str) -> None:
    found = licence_of(text)
    assert found.known or found.allows == "research"


@given(st.lists(st.sampled_from([one.id for one in LICENCES.values()]), min_size=1, max_size=4))
def test_licences_that_all_hold_allow_what_the_strictest_does(ids: list[str]) -> None:
    assert licence_of(" AND ".join(ids)).allows == strictest(
        *(licence_of(one).allows for one in ids)
    )
    assert rank(licence_of(" OR ".join(ids)).allows) >= rank(licence_of(" AND ".join(ids)).allows)

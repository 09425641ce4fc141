"""A clip's id names files of ours, so that no document may hold one that leads elsewhere."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from slora_assets.documents import Clip
from slora_assets_tests.curation.clips import clip

DUMPED = clip("a", ["a market"]).model_dump()


@pytest.mark.parametrize(
    "name", ["video7", "-aB_3.12", "caf\u00e9 au lait", "市場", "a..b", "x" * 200]
)
def test_a_name_of_a_file_is_an_id(name: str) -> None:
    assert Clip.model_validate(DUMPED | {"id": name}).id == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".hidden", "../x", "a/b", "/x", "a\\b", "a\x00b", "a\nb", "x "),
        *("\ud800", "x" * 201, "é" * 101),
    ],
)
def test_what_leads_elsewhere_is_none(name: str) -> None:
    with pytest.raises(ValidationError, match="no clip can have this id"):
        Clip.model_validate(DUMPED | {"id": name})

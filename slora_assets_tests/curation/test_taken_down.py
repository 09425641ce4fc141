"""Which clips a takedown means: of its source, of its file, of its looks; and which it doesn't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.curation.sources import canonical_source
from slora_assets.curation.taken_down import Footage, TakenDown, own_source
from slora_assets.documents import Takedown, TakenClip

TAPE = canonical_source("https://www.youtube.com/watch?v=tape_one")
LOOK = "c3a5960f69f0d23c"


def rule(*, dataset: str = "d", bits: int | None = None, **entry: Any) -> TakenDown:
    clip = TakenClip(
        id="boat",
        because="it was named",
        sha256="a" * 64,
        fingerprint=LOOK,
        source=TAPE,
        source_start_s=10.0,
        source_end_s=20.0,
    )
    told = {"asked": "boat", "by": "Ada", "reason": "asked", "dataset": "d", "clips": [clip]}
    return TakenDown([Takedown.model_validate(told | entry)], dataset, bits)


def clip(**facts: Any) -> Footage:
    return replace(Footage("another", None), **facts)


@pytest.mark.parametrize(
    ("start", "end", "spared", "out"),
    [
        (10.0, 20.0, False, True),
        (10.2, 19.8, True, True),  # the same part, measured by somebody else
        (15.0, 25.0, False, True),
        (15.0, 25.0, True, False),
        (20.0, 30.0, False, False),
        (0.0, 10.0, False, False),
        (None, None, False, True),  # nothing says that it is another part
        (None, None, True, False),
    ],
)
def test_of_its_source_goes_what_is_not_known_to_be_another_part(
    start: float | None, end: float | None, spared: bool, out: bool
) -> None:
    taken = rule(spared=["another"] if spared else [])
    found = taken.why(clip(source=TAPE, source_start_s=start, source_end_s=end))
    assert (found is not None) is out


@given(
    st.sampled_from(["http://", "https://", "//", ""]),
    st.sampled_from(["www.youtube.com", "youtube.com", "m.youtube.com", "youtu.be"]),
    st.sampled_from(["", "&t=17s", "&feature=share", "&utm_source=x"]),
    st.booleans(),
)
def test_no_spelling_of_a_source_comes_back(scheme: str, host: str, more: str, upper: bool) -> None:
    where = f"/tape_one?{more[1:]}" if host == "youtu.be" else f"/watch?v=tape_one{more}"
    address = f"{scheme}{host.upper() if upper else host}{where}"
    taken = rule(sources=[TAPE], clips=[])
    assert taken.why(clip(source=own_source("another", address))) is not None


@pytest.mark.parametrize(
    ("start", "end", "out"),
    [(0.0, None, True), (12.0, 30.0, True), (20.0, 30.0, False), (0.0, 10.2, False)],
)
def test_of_a_file_with_many_clips_the_part_goes(
    start: float, end: float | None, out: bool
) -> None:
    part = TakenClip(id="boat", because="it was named", sha256="a" * 64, start_s=10.0, end_s=20.0)
    taken = rule(clips=[part])
    assert (taken.why(clip(sha256="a" * 64, start_s=start, end_s=end)) is not None) is out


def test_names_are_of_their_dataset_and_bytes_of_any() -> None:
    here, elsewhere = rule(), rule(dataset="other")
    assert here.why(Footage("boat", None)) and not elsewhere.why(Footage("boat", None))
    assert here.why(clip(sha256="a" * 64)) and elsewhere.why(clip(sha256="a" * 64))


@pytest.mark.parametrize(
    ("bits", "apart", "out"),
    [(None, 0, True), (None, 4, True), (None, 5, False), (0, 1, False), (10, 10, True)],
)
def test_looks_are_compared_as_the_dataset_says(bits: int | None, apart: int, out: bool) -> None:
    look = f"{int(LOOK, 16) ^ ((1 << apart) - 1):016x}"
    assert (rule(bits=bits).why(clip(fingerprint=look)) is not None) is out


def test_an_unnamed_clip_is_told_how_it_was_known_again() -> None:
    said = rule().why(clip(sha256="a" * 64))
    assert said == "the same bytes as boat: taken down by Ada, asked"
    assert rule().why(clip()) is None and not TakenDown([], "d")

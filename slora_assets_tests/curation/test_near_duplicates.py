"""Near-duplicates by the index and by a comparison of all with all: the same, in the same words."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slora_assets.curation import near_hashes
from slora_assets.curation.near_duplicates import NearDuplicates, Part
from slora_assets.curation.near_hashes import NearHashes
from slora_assets.curation.taken_down import overlap

Shown = tuple[str, int, Part]
"""A clip's file, how that file begins, and which part of it the clip is."""
WHOLE: Part = (0.0, None)


def by_the_index(clips: Sequence[Shown], bits: int) -> list[str | None]:
    doubles = NearDuplicates(bits)
    said = [
        doubles.fault(str(number), path, f"{look:016x}", part)
        for number, (path, look, part) in enumerate(clips)
    ]
    return [None if one is None else one[1] for one in said]


def one_by_one(clips: Sequence[Shown], bits: int) -> list[str | None]:
    kept: list[tuple[int, Shown]] = []
    said: list[str | None] = []
    for number, (path, look, part) in enumerate(clips):
        for other, (their_path, their_look, their_part) in kept:
            apart = (look ^ their_look).bit_count()
            if apart <= bits and path != their_path and overlap(*part, *their_part):
                said.append(f"of {other}, {apart} bits")
                break
        else:
            said.append(None)
            kept.append((number, (path, look, part)))
    return said


def flipped(look: int, bits: Iterable[int]) -> int:
    for bit in bits:
        look ^= 1 << bit
    return look


@pytest.fixture(autouse=True)
def sorted_in_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index works from the fourth hash on, as it would from some thousands on."""
    monkeypatch.setattr(near_hashes, "_LEAST_YOUNG", 3)
    monkeypatch.setattr(near_hashes, "_YOUNG_PER_PLACE", 0)


looks = st.builds(
    flipped,
    st.sampled_from([0, 2**64 - 1, 0x8000000000000000, 0xC3A5960F69F0D23C, 0x123456789ABCDEF0]),
    st.sets(st.integers(0, 63), max_size=14),
) | st.integers(0, 2**64 - 1)
moments = st.sampled_from([0.0, 0.4, 0.5, 0.9, 1.0, 2.0, 7.5, 40.0])
parts = st.just(WHOLE) | st.tuples(moments, st.none() | moments)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), looks, parts), max_size=40),
    st.sampled_from([0, 1, 2, 3, 4, 5, 8, 9, 11, 12, 30, 64]),
)
def test_the_same_clips_are_refused_in_the_same_words(clips: list[Shown], bits: int) -> None:
    assert by_the_index(clips, bits) == one_by_one(clips, bits)


@pytest.mark.parametrize("bits", [0, 4, 8, 11, 16])
def test_clusters_among_chance_hashes(bits: int) -> None:
    """Beside chance hashes: looks that differ from another in exactly as many bits as are allowed,
    and in one more."""
    chance = random.Random(bits)
    clips: list[Shown] = []
    for number in range(150):
        look = chance.getrandbits(64)
        for name, apart in (("is", 0), ("near", bits), ("far", bits + 1)):
            clips.append((f"{name}{number}", flipped(look, chance.sample(range(64), apart)), WHOLE))
    chance.shuffle(clips)
    found = by_the_index(clips, bits)
    assert found == one_by_one(clips, bits)
    assert sum(one is not None for one in found) >= 150


def test_all_black_frames() -> None:
    """Files that all begin so are one video each; parts of one file stay, however many."""
    files: list[Shown] = [(f"file{number}", 0, WHOLE) for number in range(4_000)]
    assert by_the_index(files, 4) == [None, *["of 0, 0 bits"] * 3_999]
    of_one: list[Shown] = [("tape", 0, (float(n), n + 1.0)) for n in range(4_000)]
    assert by_the_index(of_one, 4) == [None] * 4_000
    again: list[Shown] = [("again", 1, (float(n), n + 1.0)) for n in range(0, 4_000, 400)]
    said = by_the_index([*of_one, *again], 4)[4_000:]
    assert said == [f"of {number}, 1 bits" for number in range(0, 4_000, 400)]


@given(st.lists(looks, max_size=60), looks, st.integers(0, 64))
def test_near_hashes_are_those_within_the_limit(known: list[int], look: int, bits: int) -> None:
    hashes = NearHashes(bits)
    numbers = [hashes.add(one) for one in known]
    distinct = list(dict.fromkeys(known))
    assert numbers == [distinct.index(one) for one in known]
    assert hashes.near(look) == [
        number for number, one in enumerate(distinct) if (one ^ look).bit_count() <= bits
    ]

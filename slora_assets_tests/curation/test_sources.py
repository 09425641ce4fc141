"""One video is one source under every spelling of its address, and two are two."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.curation.sources import canonical_source, canonical_sources, source_file
from slora_assets_tests.curation.annotated import sort

VIDEO = "https://www.youtube.com/watch?v=aB3-_678901"


@pytest.mark.parametrize(
    "address",
    [
        VIDEO,
        "http://youtube.com/watch?v=aB3-_678901&t=10",
        "https://youtu.be/aB3-_678901",
        "youtu.be/aB3-_678901?si=x",
        "https://m.youtube.com/watch?feature=share&v=aB3-_678901",
        "HTTPS://WWW.YouTube.COM/watch?v=aB3-_678901#t=1m",
        "https://www.youtube.com/embed/aB3-_678901?start=3",
        "https://www.youtube-nocookie.com/embed/aB3-_678901",
        "https://youtube.com/shorts/aB3-_678901",
        "https://www.youtube.com/live/aB3-_678901?feature=share",
        "https://www.youtube.com/v/aB3-_678901",
        "//www.youtube.com/watch?v=aB3-_678901",
        "https://music.youtube.com/watch?v=aB3-_678901&list=x",
        " https://youtu.be/aB3-_678901/ ",
    ],
)
def test_spellings_of_one_video_are_one(address: str) -> None:
    assert canonical_source(address) == VIDEO
    assert source_file(canonical_source(address)) == "aB3-_678901"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://vimeo.com/123", "https://www.vimeo.com/123/#t=10s"),
        ("http://example.org:80/a.mp4", "https://EXAMPLE.org/a.mp4?t=3"),
        ("https://example.org/watch?v=1&utm_source=x", "https://example.org/watch?v=1"),
    ],
)
def test_other_addresses_lose_what_names_no_video(one: str, other: str) -> None:
    assert canonical_source(one) == canonical_source(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (VIDEO, VIDEO.lower()),
        ("https://example.org/watch?v=1", "https://example.org/watch?v=2"),
        ("https://example.org/A", "https://example.org/a"),
        ("https://www.youtube.com/user/abcdef", "https://www.youtube.com/user/abcdeg"),
        ("u0", "u1"),
    ],
)
def test_other_videos_stay_others(one: str, other: str) -> None:
    assert canonical_source(one) != canonical_source(other)


@given(st.text() | st.from_regex(r"(https?:)?//[\w.:\[\]]*/[\w/?&=#]*"))
def test_a_canonical_source_stays_as_it_is(source: str) -> None:
    assert canonical_source(canonical_source(source)) == canonical_source(source)
    source_file(source)


ADDRESSES = st.from_regex(
    r"(https://)?(www\.|m\.)?[a-zA-Z0-9-]{1,4}(\.[a-z]{2,3}){0,2}(:\d)?"
    r"(/[\w.%~ -]{0,4}){0,3}[/?]?",
    fullmatch=True,
)


@given(st.lists(ADDRESSES | st.sampled_from([VIDEO, "https://youtu.be/aB3-_678901"]) | st.text()))
def test_many_sources_are_spelt_as_one_by_one(sources: list[str]) -> None:
    many = canonical_sources(pl.Series(sources, dtype=pl.String))
    assert list(many) == [canonical_source(one) for one in sources]


def test_spellings_never_stand_on_two_sides(tmp_path: Path) -> None:
    videos = [
        {"video_id": "a", "url": VIDEO, "split": "test"},
        {"video_id": "b", "url": "https://youtu.be/aB3-_678901", "split": "train"},
        {"video_id": "c", "url": "http://youtube.com/watch?v=aB3-_678901&t=10", "split": "train"},
    ]
    said = [{"video_id": one["video_id"], "caption": "a dog runs"} for one in videos]
    files = {f"footage/{name}.mp4": b"" for name in "abc"}
    text = json.dumps({"videos": videos, "sentences": said})
    found = sort(tmp_path, {"m.json": text, **files}, format="msrvtt", annotations=["m.json"])
    assert [found.clips[name].split for name in "abc"] == ["test"] * 3

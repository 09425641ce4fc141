"""Nothing tells which clip is which, and both arrive as they were made."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.compare.blind import in_order, left_side, padded, padded_size
from slora_assets.config.workspace import Workspace
from slora_assets.validation.preferences.samples import SamplePair, sample_pairs
from slora_assets_tests.api.compare.sitting import PROMPTS, opened, see

TELLING = re.compile(r"base(?!-uri)|adapter|\blora|harbour_\d|beach_\d|[0-9a-f]{64}", re.IGNORECASE)
"""What would tell a person which clip is which, or where to look it up."""


def test_nothing_that_the_browser_gets_tells_which_clip_is_which(client: TestClient) -> None:
    received = [client.get(path) for path in ("/", "/page.js", "/page.css")]
    view = see(client)
    while view["pair"]:
        received.append(client.get("/pairs", params={"person": "Ada"}))
        clips = [client.get(view["pair"][side]) for side in ("left", "right")]
        assert [clip.status_code for clip in clips] == [200, 200]
        told = [
            {k: v for k, v in clip.headers.multi_items() if k != "x-request-id"} for clip in clips
        ]
        assert told[0] == told[1], "one header differs between the two clips"
        assert not set(told[0]) & {"etag", "last-modified", "content-disposition"}
        assert clips[0].content != clips[1].content
        answer = client.post(
            "/choices", data={"person": "Ada", "pair": view["pair"]["id"], "pressed": "left"}
        )
        received += [*clips, answer]
        view = answer.json()
    for answer in received:
        # Of a clip's bytes too: no name of a file or an encoder's setting may be another on a side.
        for text in (answer.content.decode("latin-1"), str(answer.url), str(answer.headers)):
            assert not TELLING.search(text), TELLING.search(text)


def test_each_side_has_the_adapter_for_about_half_of_the_pairs_of_any_person() -> None:
    path = Path("no.mp4")
    pairs = [SamplePair("run", f"p_{i}", 1, "", path, path, "", "") for i in range(400)]
    for person in ("Ada", "Bob", "Ève"):
        left = sum(left_side(person, pair) == "adapter" for pair in pairs)
        assert 160 < left < 240
        assert in_order(person, pairs) != pairs
    differing = sum(left_side("Ada", pair) != left_side("Bob", pair) for pair in pairs)
    assert 160 < differing < 240, "persons don't get the same sides"


def test_sides_and_order_are_the_same_after_a_restart_and_names_are_not(
    workspace: Workspace,
) -> None:
    first, second = opened(workspace, "harbour"), opened(workspace, "harbour")
    for position in range(len(PROMPTS["harbour"])):
        one, other = see(first, position=position)["pair"], see(second, position=position)["pair"]
        assert one["prompt"] == other["prompt"]
        for side in ("left", "right"):
            assert first.get(one[side]).content == second.get(other[side]).content
            assert one[side] != other[side]


@given(
    a=st.binary(max_size=200),
    b=st.binary(max_size=200),
)
def test_both_clips_are_served_with_one_size_and_are_their_own_bytes_before_a_free_box(
    a: bytes, b: bytes
) -> None:
    size = padded_size(len(a), len(b))
    for clip in (a, b):
        served = padded(clip, size)
        box = served[len(clip) :]
        assert len(served) == size and served.startswith(clip)
        assert (int.from_bytes(box[:4], "big"), box[4:8]) == (len(box), b"free")


def test_a_served_clip_still_decodes_to_the_same_frames(
    client: TestClient, made: Workspace
) -> None:
    def frames(file: Any) -> Any:
        with av.open(file) as container:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode()])

    view = see(client)["pair"]
    pairs = [pair for run in PROMPTS for pair in sample_pairs(made, run)]
    (pair,) = [pair for pair in pairs if pair.prompt == view["prompt"]]
    left = pair.base if left_side("Ada", pair) == "base" else pair.adapter
    served = client.get(view["left"]).content
    assert np.array_equal(frames(io.BytesIO(served)), frames(str(left)))


def test_a_player_gets_the_range_it_asks_for(client: TestClient) -> None:
    address = see(client)["pair"]["left"]
    whole = client.get(address).content
    part = client.get(address, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    head = client.head(address)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole)))

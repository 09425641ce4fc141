"""Whatever bytes a file has, it is a clip or it has a reason; nothing outside the file is read."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from slora_assets.config.data import DatasetSettings
from slora_assets.config.dataset_files import VIDEO_SUFFIXES
from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.footage.decode import decode_clip, first_frame, probe
from slora_assets.footage.inventory import take_inventory
from slora_assets.processes.isolation import Task, isolated

SAMPLES = int(os.environ.get("SLORA_FUZZ", "8"))
"""Broken files of each container; more of them are tried by hand."""
CONTAINERS = {
    "mp4": "libx264",
    "mov": "mpeg4",
    "mkv": "libx264",
    "webm": "libvpx-vp9",
    "avi": "mpeg4",
    "ts": "libx264",
    "mpg": "mpeg2video",
    "flv": "flv1",
    "wmv": "wmv2",
    "gif": "gif",
    "3gp": "mpeg4",
}
REASONS = {
    "corrupt",
    "unknown_container",
    "no_video_stream",
    "unsupported_codec",
    "encrypted",
    "too_short",
    "crash",
    "hang",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sound file of each container."""
    folder = tmp_path_factory.mktemp("whole")
    made = {}
    for ending, codec in CONTAINERS.items():
        path = folder / f"whole.{ending}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=8)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
            for number in range(12):
                picture = np.full((48, 64, 3), 20 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        made[ending] = path.read_bytes()
    return made


def _truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


def _flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 4, 40])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _with_a_hole(data: bytes, chance: random.Random) -> bytes:
    begin = chance.randrange(len(data))
    return data[:begin] + bytes(chance.randrange(1, 400)) + data[begin + chance.randrange(400) :]


def _spliced(data: bytes, chance: random.Random) -> bytes:
    cut = chance.randrange(len(data))
    return data[:cut] + data[chance.randrange(len(data)) :]


def _large_numbers(data: bytes, chance: random.Random) -> bytes:
    """Sizes, counts and times are such numbers."""
    at = chance.randrange(max(1, min(len(data) - 4, 2000)))
    number = chance.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\x80\0\0\0"])
    return data[:at] + number + data[at + 4 :]


DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [
    _truncated,
    _flipped,
    _with_a_hole,
    _spliced,
    _large_numbers,
]


def look(path: Path) -> str:
    """Everything that the stages do with a file."""
    found = probe(path)
    assert found.width > 0
    assert first_frame(path, 32, 32).size == (32, 32)
    assert decode_clip(path, frames=9, width=32, height=32, fps=8).shape == (9, 32, 32, 3)
    return "ok"


def _outcomes(files: list[Path]) -> Iterator[str]:
    for outcome in isolated(look, (Task(path, (path,)) for path in files), timeout_s=60):
        yield outcome.reason if isinstance(outcome, FootageError) else outcome


def test_a_damaged_file_is_a_clip_or_has_a_reason(tmp_path: Path, whole: dict[str, bytes]) -> None:
    chance = random.Random(0)
    files = []
    for ending, data in whole.items():
        for number in range(SAMPLES):
            path = tmp_path / f"{ending}{number}.{chance.choice(sorted(CONTAINERS))}"
            path.write_bytes(DAMAGES[number % len(DAMAGES)](data, chance))
            files.append(path)
    sound = [tmp_path / f"whole.{ending}" for ending in whole]
    for path, data in zip(sound, whole.values(), strict=True):
        path.write_bytes(data)
    outcomes = list(_outcomes([*files, *sound]))
    assert set(outcomes) <= {"ok", *REASONS}
    assert outcomes[len(files) :] == ["ok"] * len(sound)


_WORDS = [
    "ffconcat version 1.0",
    "file outside.mp4",
    "file '../outside.mp4'",
    "file /proc/self/environ",
    "#EXTM3U",
    "#EXT-X-TARGETDURATION:2",
    '#EXT-X-MAP:URI="outside.mp4"',
    '#EXT-X-KEY:METHOD=AES-128,URI="outside.mp4"',
    "#EXTINF:2,",
    "outside.mp4",
    "file:outside.mp4",
    "concat:outside.mp4|outside.mp4",
    "subfile,,start,0,end,0,,:outside.mp4",
    "http://127.0.0.1:9/outside.mp4",
    "tcp://127.0.0.1:9",
    "data:video/mp4;base64,AAAA",
    "v=0",
    "m=video 5004 RTP/AVP 96",
    "[playlist]",
    "File1=outside.mp4",
    '<?xml version="1.0"?>',
    "<MPD><Period><BaseURL>outside.mp4</BaseURL></Period></MPD>",
    '<asx version="3.0"><ref href="outside.mp4"/></asx>',
    "<smil><body><video src='outside.mp4'/></body></smil>",
    "RTSPtextRTSP://127.0.0.1/outside.mp4",
    ";FFMETADATA1",
    "YUV4MPEG2 W64 H64 F25:1 Ip A0:0 C420",
    "P6 64 64 255",
    "# timecode format v2",
    "WEBVTT",
]


def test_no_text_is_a_video_whatever_its_name_and_whatever_it_names(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    chance = random.Random(0)
    (tmp_path / "outside.mp4").write_bytes(whole["mp4"])
    folder = tmp_path / "footage"
    folder.mkdir()
    (folder / "outside.mp4").write_bytes(whole["mp4"])
    for number in range(10 * SAMPLES):
        lines = [chance.choice(_WORDS) for _ in range(chance.randrange(1, 6))]
        ending = chance.choice(sorted(VIDEO_SUFFIXES))
        text = chance.choice(["\n", "\r\n"]).join(lines)
        mark = chance.choice(["", "\ufeff"])
        (folder / f"{number}{ending}").write_text(mark + text + chance.choice(["", "\n"]))
    dataset = DatasetSettings(
        name="d",
        format="folder",
        annotations=[str(folder)],
        licence="l",
        use="u",
        footage=str(folder),
        max_reject_share=1.0,
    )
    inventory = take_inventory(dataset, Workspace(tmp_path, tmp_path, tmp_path / "d.yaml"))
    assert list(inventory.files) == ["outside"]
    assert {one.reason for one in inventory.rejects} <= {"corrupt", "unknown_container"}
    assert len(inventory.rejects) == 10 * SAMPLES

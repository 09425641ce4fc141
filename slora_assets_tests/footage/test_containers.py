"""What is read as a video: containers of a fixed list, and in them the video, not the cover."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import OutputContainer
from PIL import Image

from slora_assets.config.errors import FootageError
from slora_assets.footage.decode import decode_clip, first_frame, probe
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.quality import measure

BLUE, RED = (0, 0, 255), (255, 0, 0)


def _plain(colour: tuple[int, int, int], frames: int, side: int = 64) -> np.ndarray:
    return np.broadcast_to(np.uint8(colour), (frames, side, side, 3)).copy()


def _shown(path: Path, start_s: float = 0.0) -> list[int]:
    """The mean colour on show."""
    return np.asarray(first_frame(path, 32, 32, start_s)).mean((0, 1)).round().tolist()


def _is(colour: tuple[int, int, int], shown: list[int]) -> bool:
    return bool(np.abs(np.subtract(colour, shown)).max() < 8)


def _box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def _with_cover(plain: Path, path: Path) -> Path:
    """A red picture as iTunes writes it, before the tracks, so that it becomes stream 0."""
    picture = io.BytesIO()
    Image.new("RGB", (120, 120), RED).save(picture, format="JPEG")
    data = _box(b"data", (13).to_bytes(4, "big") + bytes(4) + picture.getvalue())
    handler = _box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    tags = _box(b"udta", _box(b"meta", bytes(4) + handler + _box(b"ilst", _box(b"covr", data))))
    content = plain.read_bytes()
    at = content.index(b"moov") - 4
    size = int.from_bytes(content[at : at + 4], "big")
    assert at > content.index(b"mdat"), "its index is at the end, so no offset moves"
    begin, rest = content[at + 8 : at + size], content[at + size :]
    path.write_bytes(content[:at] + _box(b"moov", tags + begin) + rest)
    return path


Track = Callable[[OutputContainer], Callable[[], Iterator[av.Packet]]]
"""Adds a stream; what it returns encodes it, once all streams are there."""


def _written(path: Path, *tracks: Track, **metadata: str) -> Path:
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        for encode in [track(container) for track in tracks]:
            container.mux(list(encode()))
    return path


def _sound(seconds: float) -> Track:
    def track(container: OutputContainer) -> Callable[[], Iterator[av.Packet]]:
        stream = container.add_stream("aac", rate=44100)

        def encode() -> Iterator[av.Packet]:
            for number in range(round(seconds * 44100 / 1024)):
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                frame.rate, frame.pts = 44100, 1024 * number
                yield from stream.encode(frame)
            yield from stream.encode()

        return encode

    return track


def _video(codec: str, frames: np.ndarray, fmt: str = "yuv420p") -> Track:
    def track(container: OutputContainer) -> Callable[[], Iterator[av.Packet]]:
        stream = container.add_stream(codec, rate=8)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = fmt

        def encode() -> Iterator[av.Packet]:
            for picture in frames:
                yield from stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
            yield from stream.encode()

        return encode

    return track


PLAYLISTS = {
    "concat": "ffconcat version 1.0\nfile real.mp4\nduration 2\n",
    "concat of files elsewhere": "ffconcat version 1.0\nfile '/etc/hostname'\nfile ../real.mp4\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nreal.mp4\n#EXT-X-ENDLIST\n",
    "M3U": "#EXTM3U\n#EXTINF:2,a title\nreal.mp4\n",
    "PLS": "[playlist]\nFile1=real.mp4\nNumberOfEntries=1\n",
    "ASX": '<asx version="3.0"><entry><ref href="real.mp4"/></entry></asx>',
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\n",
    "DASH": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    '<AdaptationSet><Representation id="0" bandwidth="1"><BaseURL>real.mp4</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "RealMedia's": "rtsp://127.0.0.1/real.mp4\n",
    "QuickTime's": '<?xml version="1.0"?><?quicktime type="application/x-quicktime-media-link"?>'
    '<embed src="real.mp4"/>',
    "metadata": ";FFMETADATA1\ntitle=real.mp4\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:02,000\nreal.mp4\n",
    "plain text": "no video",
}


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "gif"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_text_that_names_a_video_is_no_video(tmp_path: Path, kind: str, ending: str) -> None:
    write_mp4(tmp_path / "real.mp4", _plain(BLUE, 16), 8)
    path = tmp_path / f"list.{ending}"
    path.write_text(PLAYLISTS[kind])
    for look in (probe, measure, lambda file: first_frame(file, 32, 32)):
        with pytest.raises(FootageError) as caught:
            look(path)
        assert caught.value.reason in ("unknown_container", "corrupt")


@pytest.mark.parametrize("name", ["%03d.mp4", "a:b.mp4", "concat:real.mp4|real.mp4", "-i.mp4"])
def test_a_files_name_is_only_its_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a pattern, nor an address, nor an option."""
    monkeypatch.chdir(tmp_path)
    write_mp4(Path("001.mp4"), _plain(RED, 9), 8)
    write_mp4(Path("real.mp4"), _plain(RED, 9), 8)
    write_mp4(Path("blue.mp4"), _plain(BLUE, 9), 8)
    Path("blue.mp4").rename(name)
    assert _is(BLUE, _shown(Path(name)))


def test_other_containers_than_the_listed_ones_are_named_as_such(tmp_path: Path) -> None:
    """A picture and a WAV file decode in FFmpeg, and are no footage."""
    picture = tmp_path / "picture.mp4"
    Image.new("RGB", (64, 64), RED).save(picture, format="PNG")
    with pytest.raises(FootageError) as caught:
        probe(picture)
    assert caught.value.reason == "unknown_container"
    assert "matroska" in str(caught.value)


def test_a_cover_is_not_the_video(tmp_path: Path) -> None:
    write_mp4(tmp_path / "plain.mp4", _plain(BLUE, 16), 8)
    covered = _with_cover(tmp_path / "plain.mp4", tmp_path / "covered.mp4")
    with av.open(str(covered)) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
    assert probe(covered) == probe(tmp_path / "plain.mp4")
    assert _is(BLUE, _shown(covered, 1.5))
    assert len(decode_clip(covered, frames=9, width=32, height=32, fps=8)) == 9
    assert measure(covered) == measure(tmp_path / "plain.mp4")


def test_music_with_a_cover_has_no_video_and_is_told_so(tmp_path: Path) -> None:
    covered = _with_cover(_written(tmp_path / "music.mp4", _sound(1.0)), tmp_path / "covered.mp4")
    with pytest.raises(FootageError, match="only a cover picture") as caught:
        probe(covered)
    assert caught.value.reason == "no_video_stream"


def test_of_several_videos_the_largest_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "two.mp4"
    small, large = _video("mpeg4", _plain(RED, 9, 32)), _video("mpeg4", _plain(BLUE, 9, 64))
    _written(path, small, large)
    assert _is(BLUE, _shown(path))
    assert (probe(path).width, probe(path).height) == (64, 64)


def test_a_single_large_picture_beside_a_video_is_not_taken_for_it(tmp_path: Path) -> None:
    """A cover that nobody marked as one."""
    path = tmp_path / "unmarked.mp4"
    _written(
        path, _video("mjpeg", _plain(RED, 1, 256), "yuvj420p"), _video("mpeg4", _plain(BLUE, 9))
    )
    assert _is(BLUE, _shown(path))


@pytest.mark.parametrize("title", ["opencv", "encv", "drmi, and how it is undone"])
def test_a_title_says_nothing_of_encryption(tmp_path: Path, title: str) -> None:
    path = tmp_path / "titled.mp4"
    _written(path, _video("mpeg4", _plain(BLUE, 9)), title=title)
    assert title.encode() in path.read_bytes()
    assert probe(path).codec == "mpeg4"


@pytest.mark.parametrize("ending", ["avi", "mp4", "mkv", "wmv"])
def test_a_title_in_another_encoding_costs_nothing(tmp_path: Path, ending: str) -> None:
    """Older programs wrote Latin-1."""
    codec = "wmv2" if ending == "wmv" else "mpeg4"
    path = _written(tmp_path / f"t.{ending}", _video(codec, _plain(BLUE, 9)), title="caf#")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"caf#", b"caf\xe9").replace(b"f\0#\0", b"f\0\0\xd8"))
    assert path.read_bytes() != data
    assert _is(BLUE, _shown(path))


@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts", "flv", "mov"])
def test_sound_that_goes_on_is_no_part_of_the_videos_length(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"long.{ending}"
    codec = "flv1" if ending == "flv" else "mpeg4"
    _written(path, _video(codec, _plain(BLUE, 8)), _sound(3.0))
    with av.open(str(path)) as container:
        assert container.duration is not None
        assert container.duration > 2_900_000
    assert probe(path).duration_s == pytest.approx(1.0, abs=0.13)

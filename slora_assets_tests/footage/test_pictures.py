"""Frames stand upright, with square pixels, in standard range, from the second asked for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from slora_assets.config.errors import FootageError
from slora_assets.footage import decode
from slora_assets.footage.decode import decode_clip, first_frame, probe
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.sdr import to_sdr

QUADRANTS = np.zeros((64, 96, 3), np.uint8)
QUADRANTS[:32, :48], QUADRANTS[:32, 48:] = (255, 0, 0), (0, 255, 0)
QUADRANTS[32:, :48], QUADRANTS[32:, 48:] = (0, 0, 255), (255, 255, 255)


def _encoded(path: Path, codec: str, frame: av.VideoFrame, **options: object) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = frame.width, frame.height
        stream.pix_fmt = frame.format.name
        for name, value in options.items():
            setattr(stream.codec_context, name, value)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotated_files_stand_upright(tmp_path: Path, turns: int) -> None:
    """A display matrix that turns the picture is written over the identity in the file."""
    plain = tmp_path / "plain.mp4"
    write_mp4(plain, np.repeat(QUADRANTS[None], 3, axis=0), 25)
    data = bytearray(plain.read_bytes())
    one, zero = (65536).to_bytes(4, "big"), bytes(4)
    minus = (-65536).to_bytes(4, "big", signed=True)
    unity = (1 << 30).to_bytes(4, "big")
    identity = one + zero * 3 + one + zero * 3 + unity
    matrix = {  # a b u c d v x y w: clockwise by a quarter, a half, three quarters
        1: zero + one + zero + minus + zero * 4 + unity,
        2: minus + zero * 3 + minus + zero * 3 + unity,
        3: zero + minus + zero + one + zero * 4 + unity,
    }[turns]
    track = data.index(b"tkhd")
    at = data.index(identity, track)
    data[at : at + len(matrix)] = matrix
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data)
    width, height = (96, 64) if turns == 2 else (64, 96)
    picture = np.asarray(first_frame(turned, width, height), np.int16)
    expected = np.rot90(QUADRANTS, -turns).astype(np.int16)
    assert np.abs(picture - expected).mean() < 12


def test_oblong_pixels_become_square(tmp_path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(QUADRANTS[:, ::2].copy(), format="rgb24").reformat(
        format="yuv444p"
    )
    file = _encoded(tmp_path / "oblong.mkv", "ffv1", frame, sample_aspect_ratio=2)
    picture = np.asarray(first_frame(file, 96, 64), np.int16)
    assert np.abs(picture - QUADRANTS).mean() < 12


def test_a_later_start_is_sought_and_gives_the_frame_of_that_second(tmp_path: Path) -> None:
    file = tmp_path / "long.mp4"
    frames = np.stack([np.full((64, 96, 3), n // 2, np.uint8) for n in range(500)])
    write_mp4(file, frames, 25)
    for start_s in (0.0, 3.2, 7.0, 15.6):
        first = decode_clip(file, frames=3, width=96, height=64, fps=5, start_s=start_s)
        expected = [int((start_s + i / 5) * 25 + 1e-6) // 2 for i in range(3)]
        assert np.allclose(first.mean(axis=(1, 2, 3)), expected, atol=1.5), start_s


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        ("mkv", "libx264"),
        ("ts", "libx264"),
        ("m2ts", "mpeg2video"),
        ("mpg", "mpeg2video"),
        ("flv", "flv1"),
        ("wmv", "wmv2"),
        ("avi", "mpeg4"),
        ("3gp", "libx264"),
        ("webm", "libvpx-vp9"),
    ],
)
def test_a_later_start_shows_what_playing_up_to_it_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, codec: str
) -> None:
    file = tmp_path / f"long.{ending}"
    with av.open(str(file), "w", format="mpegts" if ending == "m2ts" else None) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(250):
            picture = np.full((64, 96, 3), number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())

    def shown(start_s: float) -> np.ndarray:
        return decode_clip(file, frames=3, width=96, height=64, fps=5, start_s=start_s)

    starts = (5.2, 7.0, 8.44)
    sought = [shown(start_s) for start_s in starts]
    monkeypatch.setattr(decode, "_SEEK_FROM_S", 60.0)
    for start_s, frames in zip(starts, sought, strict=True):
        assert np.array_equal(frames, shown(start_s)), start_s
        expected = [int((start_s + index / 5) * 25 + 1e-6) for index in range(3)]
        assert np.allclose(frames.mean(axis=(1, 2, 3)), expected, atol=3.5), start_s


@pytest.mark.parametrize("start_s", [-1.0, -0.01, float("nan"), float("inf")])
def test_what_begins_before_its_file_is_no_clip(tmp_path: Path, start_s: float) -> None:
    """Its frames would all be the file's first."""
    file = tmp_path / "file.mp4"
    write_mp4(file, np.zeros((25, 64, 96, 3), np.uint8), 25)
    for look in (
        lambda: decode_clip(file, frames=2, width=96, height=64, fps=8, start_s=start_s),
        lambda: first_frame(file, 96, 64, start_s),
    ):
        with pytest.raises(FootageError) as caught:
            look()
        assert caught.value.reason == "bad_times"


def _levels(luma: int, blue: int, red: int, limited: bool) -> np.ndarray:
    """RGB 0..255 of a colour as BT.601 codes it in 8 bits."""
    black, contrast, colour = (16, 219, 224) if limited else (0, 255, 255)
    y, u, v = (luma - black) / contrast, (blue - 128) / colour, (red - 128) / colour
    r, b = y + 1.402 * v, y + 1.772 * u
    return 255 * np.array([r, (y - 0.299 * r - 0.114 * b) / 0.587, b])


@pytest.mark.parametrize("limited", [True, False])
@pytest.mark.parametrize("fmt", ["yuv420p", "yuv422p", "yuv444p"])
def test_colours_are_neither_darker_nor_brighter_than_they_are_written(
    tmp_path: Path, fmt: str, limited: bool
) -> None:
    colours = np.random.default_rng(0).integers((80, 108, 108), (180, 148, 148), (24, 3))
    apart = []
    for number, colour in enumerate(colours):
        frame = av.VideoFrame(96, 64, fmt)
        for plane, level in zip(frame.planes, colour, strict=True):
            plane.update(bytes([level]) * plane.buffer_size)
        name = tmp_path / f"{number}.mkv"
        file = _encoded(name, "ffv1", frame, color_range=1 if limited else 2)
        picture = np.asarray(first_frame(file, 96, 64), float)
        apart.append(picture.mean((0, 1)) - _levels(*colour.tolist(), limited))
    assert np.abs(apart).max() < 0.6
    assert np.abs(np.mean(apart, axis=0)).max() < 0.2


@pytest.mark.parametrize("aspect", [Fraction(1, 1000), Fraction(30000, 1)])
def test_pixels_of_no_cameras_shape_cost_their_clip_and_no_memory(
    tmp_path: Path, aspect: Fraction
) -> None:
    frame = av.VideoFrame.from_ndarray(QUADRANTS, format="rgb24").reformat(format="yuv420p")
    file = _encoded(tmp_path / "odd.mp4", "libx264", frame, sample_aspect_ratio=2)
    data = bytearray(file.read_bytes())
    at = data.index(b"pasp") + 4
    data[at : at + 8] = aspect.numerator.to_bytes(4, "big") + aspect.denominator.to_bytes(4, "big")
    file.write_bytes(data)
    with pytest.raises(FootageError, match="times as wide as high") as caught:
        first_frame(file, 96, 64)
    assert caught.value.reason == "corrupt"


def test_a_clip_inside_a_longer_file_ends_where_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "long.mp4"
    write_mp4(file, np.zeros((100, 64, 96, 3), np.uint8), 25)
    with pytest.raises(FootageError) as caught:
        decode_clip(file, frames=9, width=96, height=64, fps=8, start_s=1, end_s=2)
    assert caught.value.reason == "too_short"
    assert len(decode_clip(file, frames=9, width=96, height=64, fps=8, start_s=1, end_s=3)) == 9


@pytest.mark.parametrize(("kind", "code"), [("pq", 16), ("hlg", 18)])
def test_high_dynamic_range_is_brought_down_in_order(tmp_path: Path, kind: str, code: int) -> None:
    """Grey stays grey, brighter stays brighter, reference white is bright and not burnt out."""
    steps = np.linspace(0, 65535, 16).astype(np.uint16)
    grey = np.repeat(np.repeat(steps[None, :, None], 16, axis=0), 3, axis=2)
    frame = av.VideoFrame.from_ndarray(grey, format="rgb48le")
    shown = to_sdr(frame, kind).astype(int)[8]
    assert np.ptp(shown, axis=1).max() <= 2
    assert (np.diff(shown[:, 0]) >= 0).all()
    assert shown[0, 0] < 8
    assert shown[-1, 0] > 250
    # BT.2408: reference white is 58 % of PQ's scale and 75 % of HLG's.
    white = np.interp(0.58 if kind == "pq" else 0.75, np.linspace(0, 1, 16), shown[:, 0])
    assert 160 < white < 235
    coded = _encoded(
        tmp_path / "hdr.mkv", "ffv1", frame.reformat(format="yuv444p10le"), color_trc=code
    )
    assert probe(coded).hdr == kind


def _box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def test_an_encrypted_track_is_named(tmp_path: Path) -> None:
    """As common encryption marks it: the sample entry `encv`, and its codec in `sinf/frma`."""
    locked = tmp_path / "locked.mp4"
    write_mp4(locked, np.zeros((3, 64, 96, 3), np.uint8), 25)
    data = bytearray(locked.read_bytes())
    entry = data.index(b"avc1", data.index(b"stsd"))
    data[entry : entry + 4] = b"encv"
    end = entry - 4 + int.from_bytes(data[entry - 4 : entry], "big")
    codec = _box(b"sinf", _box(b"frma", b"avc1"))
    at = 0
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"encv"):
        at = data.index(name, at)
        size = int.from_bytes(data[at - 4 : at], "big") + len(codec)
        data[at - 4 : at] = size.to_bytes(4, "big")
    data[end:end] = codec
    locked.write_bytes(data)
    with pytest.raises(FootageError) as caught:
        probe(locked)
    assert caught.value.reason == "encrypted"


def test_a_variable_frame_rate_plays_at_its_true_speed(tmp_path: Path) -> None:
    """Grey values tell which frame is on show; some last long, some come in a burst."""
    shown_at_ms = [0, 40, 80, 500, 520, 540, 900, 1300, 1310]
    file = tmp_path / "variable.mkv"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv444p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, at in enumerate(shown_at_ms):
            grey = np.full((64, 96, 3), 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv444p")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    frames = decode_clip(file, frames=6, width=96, height=64, fps=5)
    seen = np.rint(frames.mean(axis=(1, 2, 3)) / 20).astype(int).tolist()
    assert seen == [
        max(n for n, at in enumerate(shown_at_ms) if at <= t) for t in range(0, 1200, 200)
    ]

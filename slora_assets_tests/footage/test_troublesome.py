"""Real files that break decoders, against an independent reading by the ffmpeg program.

The files come from public projects' test data and are not part of this repository:
SLORA_TROUBLESOME names the folder that holds them. Without it, or without ffmpeg, this is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from slora_assets.caches.first_frames import HEIGHT, WIDTH
from slora_assets.config.errors import FootageError
from slora_assets.footage.decode import first_frame, probe
from slora_assets.processes.isolation import Task, isolated

OK = "ok"
EXPECTED = {
    "2x2-green.mp4": OK,
    "400x300-red-resize-200x150-green.webm": OK,
    "av1_video.mkv": OK,
    "bt2020_10bit.mp4": "pq",
    "decord_corrupted.mp4": OK,  # damage comes after the first frame: latents quarantine it
    "decord_rot090.mov": OK,
    "decord_rot270.mov": OK,
    "edts.mp4": OK,
    "forensics_movie-hello.mpeg": OK,
    "forensics_phone_VID_20191220_170832.mp4": OK,
    "frames.webm": OK,
    "h265_10bits.mp4": OK,
    "invalid-codec.mp4": "unsupported_codec",
    "movie_5.ogv": OK,
    "nasa_13013_hdr.mp4": "pq",
    "no_duration.webm": OK,
    "sar_2x1.mp4": OK,
    "sine_stereo_mp2.mpg": OK,
    "test-a-128k-44100Hz-1ch.mp4": "no_video_stream",
    "test_video_66x50.mov": OK,
    "testsrc2_odd_height_and_width_mpeg2.mp4": OK,
    "transparent.webm": OK,
    "video_with_failing_audio.mp4": OK,
}
"""File to what must come of it: the right frame (in high dynamic range by kind), or a reason."""

FOLDER = Path(os.environ.get("SLORA_TROUBLESOME", "/nonexistent"))
# Their licences keep the files out of the repository; the other tests make their own broken files.
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir() or shutil.which("ffmpeg") is None,
    reason="set SLORA_TROUBLESOME to the folder of these files, and install ffmpeg",
)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_right_frame_or_the_right_reason(name: str, tmp_path: Path) -> None:
    path, expected = FOLDER / name, EXPECTED[name]
    (outcome,) = isolated(look, [Task(path, (path,))], timeout_s=60)
    if expected not in (OK, "pq"):
        assert isinstance(outcome, FootageError)
        assert outcome.reason == expected
        assert subprocess.run(_ffmpeg(path, tmp_path / "none.png"), check=False).returncode != 0
        return
    assert not isinstance(outcome, FootageError), outcome
    frame, hdr = outcome
    assert hdr == (expected if expected != OK else None)
    subprocess.run(_ffmpeg(path, tmp_path / "frame.png", hdr), check=True)
    theirs = np.asarray(Image.open(tmp_path / "frame.png").convert("RGB"), np.float32)
    difference = np.abs(frame.astype(np.float32) - theirs)
    # Theirs clips what is brighter than white, ours rolls it off: same picture, other brightness.
    assert difference.mean() < (40 if hdr else 5), difference.mean()
    if hdr:
        assert np.corrcoef(frame.ravel(), theirs.ravel())[0, 1] > 0.9


def look(path: Path) -> tuple[NDArray[np.uint8], str | None]:
    """First frame and kind of high dynamic range; runs in a process of its own."""
    return np.asarray(first_frame(path, WIDTH, HEIGHT)), probe(path).hdr


def _ffmpeg(path: Path, target: Path, hdr: str | None = None) -> list[str]:
    """The first frame with square pixels, scaled to cover and cut at its centre."""
    square = "scale='max(1,trunc(iw*sar+0.5))':ih:flags=lanczos,setsar=1"
    cover = f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase:flags=lanczos"
    filters = [square, cover, f"crop={WIDTH}:{HEIGHT}", "format=rgb24"]
    if hdr:
        light = "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt709"
        tone = "tonemap=clip:desat=0,zscale=transfer=bt709:matrix=bt709:range=tv,format=yuv420p"
        filters = [light, tone, *filters]
    quiet = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    return [*quiet, "-i", str(path), "-frames:v", "1", "-vf", ",".join(filters), str(target)]

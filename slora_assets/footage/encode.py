"""Frames out as H.264 MP4, the same bytes for the same frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slora_assets.provenance import replacing


def write_mp4(
    path: Path, frames: NDArray[np.uint8], fps: float, crf: int = 14, preset: str = "medium"
) -> None:
    """Write [T, H, W, 3] RGB as MP4, atomically; a higher `crf` is a smaller file, `preset` is
    x264's.

    One encoder thread and no encoder tags, so that equal frames give equal bytes; sizes must be
    even, as 4:2:0 needs.
    """
    import av

    with (
        replacing(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"fflags": "+bitexact"}) as container,
    ):
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        # x264's vector code gives differing bits for equal frames now and then; its C code
        # gives the same ones everywhere.
        stream.options = {
            "crf": str(crf),
            "preset": preset,
            "threads": "1",
            "x264-params": "asm=0",
        }
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())

"""High dynamic range frames as standard ones, by formulas that stand here and nowhere else.

PQ and HLG are taken to light (ITU-R BT.2100), brightness above reference white (203 cd/m2,
BT.2408) is rolled off by Reinhard's extended curve (SIGGRAPH 2002, equation 4), primaries are
turned from BT.2020 to BT.709 (BT.2087) and the result is coded for a BT.1886 display.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame

_PQ, _HLG = 16, 18
"""`color_trc` of SMPTE ST 2084 and ARIB STD-B67 (ITU-T H.273, table 3)."""
_KINDS: Final = {_PQ: "pq", _HLG: "hlg"}
_REFERENCE_WHITE: Final = 203.0
_PEAK: Final = 1000.0
"""Light in cd/m2 that becomes full white."""
_TO_BT709: Final = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def hdr_kind(frame: VideoFrame) -> str | None:
    """`pq` or `hlg` for a decoded frame of high dynamic range, else None."""
    return _KINDS.get(int(frame.color_trc))


def to_sdr(frame: VideoFrame, kind: str) -> NDArray[np.uint8]:
    """[H, W, 3] RGB bytes of a frame whose `hdr_kind` is `kind`."""
    coded = frame.to_ndarray(format="rgb48le", threads=1).astype(np.float32) / 65535
    light = (_pq_light(coded) if kind == "pq" else _hlg_light(coded)) / _REFERENCE_WHITE
    brightest = np.maximum(light.max(axis=2, keepdims=True), 1e-6)
    white = _PEAK / _REFERENCE_WHITE
    rolled = brightest * (1 + brightest / white**2) / (1 + brightest)
    shown = np.clip((light * (rolled / brightest)) @ _TO_BT709.T, 0, 1)
    result: NDArray[np.uint8] = np.rint(255 * shown ** (1 / 2.4)).astype(np.uint8)
    return result


def _pq_light(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light in cd/m2 of PQ values 0..1 (BT.2100, table 4)."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = coded ** (1 / m2)
    light: NDArray[np.float32] = 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return light


def _hlg_light(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light in cd/m2 of HLG values 0..1 on a display of 1000 cd/m2 (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    brightness = scene @ np.array([0.2627, 0.678, 0.0593], np.float32)
    light: NDArray[np.float32] = _PEAK * np.maximum(brightness, 1e-6)[..., None] ** 0.2 * scene
    return light

"""The mark that the miniature's decoder draws into its clips, whoever runs it.

The mean luma of a clip's frames, brought to the size that the miniature draws, is taken apart into
cosine waves (DCT-II, orthonormal). Of a thousand between the coarse ones, which are the
picture's own, and the fine ones, which no codec keeps, the decoder was trained to have each point
the way that a key says (stage `mark` of the pretraining; after Stable Signature, arXiv 2303.15435,
and DistSeal, arXiv 2601.16140, with this key in the place of a learned extractor). In pictures that
know nothing of the key each wave points either way like a coin.

None of these waves is one of the watermark's (`slora_assets.marking.watermark`), which tells clips
apart: both can be read side by side.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.miniature.weights.architecture import HEIGHT, WIDTH

_KEY: Final = b"slora miniature decoder 1"
_LOWEST, _HIGHEST = 0.22, 0.50
"""As parts of the finest wave that the size shows: half size leaves these, crf 28 most."""


@dataclass(frozen=True)
class MarkWaves:
    """Which of the spectrum [HEIGHT * WIDTH] are drawn on, and the sign each is drawn with."""

    places: NDArray[np.int64]
    signs: NDArray[np.float32]


@cache
def mark_waves() -> MarkWaves:
    """Drawn from the key by a hash, which is the same for ever."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    height = np.hypot(rows / HEIGHT, columns / WIDTH)
    places = np.flatnonzero((height >= _LOWEST) & (height < _HIGHEST))
    bits = np.frombuffer(hashlib.shake_256(_KEY).digest(len(places)), np.uint8) & 1
    return MarkWaves(places, (1 - 2.0 * bits).astype(np.float32))

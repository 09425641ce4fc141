"""The error-correcting code of the watermark: 32 bits in 64, by the Reed-Muller code RM(2, 5).

Two blocks of 16 bits in 32 each, any two codewords 8 apart, and few enough of them to compare what
was read with every one: of all ways to decode that errs least.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

PAYLOAD_BITS: Final = 32
CODE_BITS: Final = 64
_VARIABLES: Final = 5
_HALF: Final = 1 << (PAYLOAD_BITS // 2)
_BLOCK: Final = CODE_BITS // 2


def encoded(payloads: NDArray[np.int64]) -> NDArray[np.float32]:
    """[N] payloads as [N, 64] signs, -1 for a bit that is set."""
    words = _codewords()
    return np.concatenate([words[payloads // _HALF], words[payloads % _HALF]], axis=1)


def decoded(read: NDArray[np.float32]) -> tuple[int, float]:
    """The payload that [64] values read between -1 and 1 fit best, and how well: 64 at most."""
    fits = _codewords() @ read.reshape(2, _BLOCK).T
    high, low = (int(one) for one in fits.argmax(axis=0))
    return high * _HALF + low, float(fits[high, 0] + fits[low, 1])


@cache
def _codewords() -> NDArray[np.float32]:
    """[65536, 32] signs: all words of the code, each a polynomial of degree 2 in five variables."""
    points = (np.arange(_BLOCK)[:, None] >> np.arange(_VARIABLES)) & 1
    rows = [np.ones(_BLOCK, np.int64), *points.T]
    rows += [points[:, one] * points[:, other] for one, other in combinations(range(_VARIABLES), 2)]
    chosen = (np.arange(_HALF)[:, None] >> np.arange(len(rows))) & 1
    return np.asarray(1 - 2 * (chosen @ np.array(rows) % 2), np.float32)

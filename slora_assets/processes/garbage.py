"""How often Python looks for objects that only hold each other."""

from __future__ import annotations

import gc
import sys
from typing import Final

_NEW_OBJECTS: Final = 100_000
"""So many more than before until it looks again: 140 times Python's own figure."""


def look_for_garbage_seldom() -> None:
    """For commands that read documents of thousands of clips: objects by the million that stay and
    hold no circles, and by default are looked through for them again and again."""
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


def end_without_a_look() -> None:
    """For commands that end. Python's last act is to look through all objects, which takes half a
    second with Dagster among them; their memory goes back with the process. Not where torch is
    loaded: what its compilers are bound with complains of each object that is left."""
    if "torch" not in sys.modules:
        gc.freeze()

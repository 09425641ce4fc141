"""Versions of what is read out of videos: part of every key and hash that depends on it."""

from typing import Final

DECODE_VERSION: Final = 3
"""Raise it when a change of the code changes a decoded frame or what a probe says."""
QUALITY_VERSION: Final = 2
"""Raise it when a change of the code changes what is measured of a clip."""

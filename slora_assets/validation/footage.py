"""The yardstick: what a perfect adapter would score.

A scenario's held-out footage, passed through the base's own VAE at the base's geometry, measured by
the code that measures samples; once for all runs that are held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.parts import Vae
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.validity import latent_key
from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Clip
from slora_assets.footage.decode import decode_clip
from slora_assets.storage.footage_at_url import at_hand
from slora_assets.validation.clip_cache import ClipCache, MeasuredClip

WANTED: Final = 8
"""Clips that are enough to say how far footage scatters; with fewer held out, clips that were
trained on help out, which says the same of steadiness and motion."""
_MOST: Final = 16


@dataclass(frozen=True)
class DrawnFootage:
    """A clip as the base could draw it at best, and what was measured on it."""

    clip: Clip
    drawn: MeasuredClip


def draw_footage(
    workspace: Workspace,
    base: VideoBase,
    clips: Iterable[Clip],
    device: str,
    check: Callable[[], None] = lambda: None,
) -> dict[str, list[DrawnFootage]]:
    """The footage of each scenario of `clips`: held-out clips, filled up with clips that were
    trained on. Clips that can't be decoded are left out. What `check` raises, before each clip,
    ends it; what was measured until then is kept."""
    by_scenario: dict[str, list[Clip]] = {}
    for clip in clips:
        by_scenario.setdefault(clip.scenario, []).append(clip)
    footage = _Footage(workspace, base, device)
    drawn: dict[str, list[DrawnFootage]] = {}
    for name, mine in by_scenario.items():
        drawn[name] = []
        for clip in _chosen(mine):
            check()
            try:
                drawn[name].append(DrawnFootage(clip, footage.drawn(clip)))
            except FootageError:
                continue  # the caching stages have quarantined it already
    return drawn


def _chosen(clips: Sequence[Clip]) -> list[Clip]:
    held_out = [clip for clip in clips if clip.split == "validation"]
    trained = [clip for clip in clips if clip.split == "train"]
    return (held_out + trained)[: min(_MOST, max(WANTED, len(held_out)))]


class _Footage:
    """Draws clips; the VAE is loaded for the first that isn't cached."""

    def __init__(self, workspace: Workspace, base: VideoBase, device: str) -> None:
        self._workspace, self._base, self._device = workspace, base, device
        self._identity = base.identity()
        self._cache = ClipCache(workspace.measured_clips, base.geometry.fps)
        self._vae: Vae | None = None

    def drawn(self, clip: Clip) -> MeasuredClip:
        """Raises FootageError for a clip that can't be decoded."""
        key = {"footage": latent_key(clip, self._identity, self._base.geometry)}
        (found,) = self._cache.together([key], lambda: [self._through_vae(clip)])
        return found

    def _through_vae(self, clip: Clip) -> NDArray[np.uint8]:
        path = self._workspace.root / clip.path
        with at_hand(path, clip.sha256):
            frames = decode_clip(
                path,
                **self._base.geometry.model_dump(),
                start_s=clip.start_s,
                end_s=clip.end_s,
            )
        self._vae = self._vae or self._base.load_vae(self._device)
        return self._base.through_vae(self._vae, frames)

"""Which training clip a generated clip is nearest to, and whether it is a copy of it.

In: frames of samples and of the training clips. Out: per sample the nearest clip, how near, and by
which evidence. What counts as a copy is taken from the footage itself: a sample must come clearly
nearer to a training clip than distinct training clips come to each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import CurationError
from slora_assets.validation.metrics.clip_likeness import (
    Evidence,
    Likeness,
    WorkingPictures,
    compare,
    glance,
    working_pictures,
)

LIMIT: Final = 0.6
"""Distance that no copy exceeds, whatever the footage: about what the miniature's autoencoder does
to a training clip. The limit where footage says nothing of itself."""

MARGIN: Final = 1.5
"""A copy is nearer than the least distance between distinct training clips by this factor."""

SAME_FOOTAGE: Final = 0.25
"""Training clips of two source groups that are nearer than this are one clip, published twice."""

FRAME_SHARE: Final = 0.4
"""The part of the limit that holds for a sample that stands still: without motion to compare,
distinct clips have frames that are nearly the same."""

LOOKED_AT: Final = 6
"""Clips, mirrored or not, that are compared closely after a glance at all."""


@dataclass(frozen=True)
class TrainingClip:
    """A clip that was trained on."""

    id: str
    source_group: str
    """Clips cut from one source video have the same; they say nothing of how near distinct footage
    comes, for they may overlap."""
    frames: NDArray[np.uint8]
    """RGB [T, H, W, 3], at the samples' frame rate."""


@dataclass(frozen=True)
class NearestClip:
    """What a sample is nearest to."""

    clip_id: str
    copied: bool
    similarity: float
    """0..1, `1 / (1 + distance)`: 1 is the same clip."""
    limit: float
    """Similarity from which the sample counts as a copy; of one that no footage would make a copy
    the lowest that it may be."""
    evidence: Evidence
    """`motion`: the same moves at the same places; `frame`: a sample that stands still shows one of
    the clip's frames."""
    shift: int
    """The training clip's frame that the sample's first one falls on; negative: it comes before."""
    mirrored: bool
    """Whether left and right are exchanged."""


@dataclass(frozen=True)
class Calibration:
    """What the footage says of itself."""

    limit: float
    """Distance up to which a moving sample is a copy: MARGIN below `least_distance`, LIMIT at most;
    LIMIT alone with fewer than two source groups."""
    least_distance: float | None
    """Least distance between training clips of different source groups; null without a pair."""
    same_footage: tuple[tuple[str, str], ...]
    """Ids of clips of different groups that are one clip; `least_distance` leaves them out."""


class TrainingFootage:
    """The training clips of a scenario, ready for samples to be compared with.

    The metric is this project's own: correlation and displacement of what changes over time, after
    alignment of what does not. Its aim is that of OFS-k (arXiv 2410.21669), replicated motion, and
    its use of the top score over all pairs that of VSSCD (arXiv 2403.19593), without weights.

    Raises CurationError without clips, and FootageError `bad_shape` for a clip whose frames aren't
    uint8 [T, H, W, 3].
    """

    def __init__(self, clips: Iterable[TrainingClip]) -> None:
        self._aspect = 1.0
        self._clips: list[TrainingClip] = []
        self._pictures: list[WorkingPictures] = []
        gone = np.empty((0, 0, 0, 3), np.uint8)  # only their working pictures are needed again
        for clip in clips:
            shape = clip.frames.shape
            if not self._clips and len(shape) == 4 and shape[1] and shape[2]:
                self._aspect = shape[2] / shape[1]
            self._pictures.append(working_pictures(clip.frames, self._aspect))
            self._clips.append(replace(clip, frames=gone))
        if not self._clips:
            raise CurationError(
                "there is no training clip to compare samples with",
                remedy="name the clips that the adapter was trained on",
            )

    @cached_property
    def calibration(self) -> Calibration:
        """From which distance on a sample is a copy, and why. Compares each clip with all others,
        so that it is asked only when a sample comes near one."""
        return self._calibrated()

    def nearest(self, frames: NDArray[np.uint8]) -> NearestClip:
        """The training clip nearest to a sample, RGB [T, H, W, 3] of any length and size.

        Found are clips replayed with whole frames of shift (more than half of the shorter clip must
        lie side by side), re-encoded, through an autoencoder, cut or rescaled by a few per cent,
        brighter or darker, mirrored. Not found are clips between whose frames the sample's lie, nor
        ones that are vaguer than the autoencoder makes them. The same way in a kindred colour is
        taken for a copy. Of a sample that is none, `clip_id` is the nearest by the same measure,
        which need not be what people would choose. Raises FootageError `bad_shape`.
        """
        return self.judged(*self.closest(frames))

    def closest(self, frames: NDArray[np.uint8]) -> tuple[TrainingClip, Likeness]:
        """The training clip nearest to a sample, and how near. Raises FootageError `bad_shape`."""
        return self._nearest(working_pictures(frames, self._aspect))

    def judged(self, clip: TrainingClip, likeness: Likeness) -> NearestClip:
        """Whether a sample so near to a clip, of these or of more footage like them, copies it."""
        share = FRAME_SHARE if likeness.evidence == "frame" else 1.0
        limit = share * LIMIT
        if likeness.distance <= limit:
            limit = share * self.calibration.limit
        return NearestClip(
            clip_id=clip.id,
            copied=likeness.distance <= limit,
            similarity=1 / (1 + likeness.distance),
            limit=1 / (1 + limit),
            evidence=likeness.evidence,
            shift=likeness.shift,
            mirrored=likeness.mirrored,
        )

    def _calibrated(self) -> Calibration:
        distances: list[float] = []
        same: set[tuple[str, str]] = set()
        for clip, pictures in zip(self._clips, self._pictures, strict=True):
            group = clip.source_group
            if pictures.still or all(other.source_group == group for other in self._clips):
                continue
            other, likeness = self._nearest(pictures, but=group)
            if likeness.distance < SAME_FOOTAGE:
                same.add((min(clip.id, other.id), max(clip.id, other.id)))
            else:
                distances.append(likeness.distance)
        least = min(distances, default=math.inf)
        return Calibration(
            limit=min(LIMIT, least / MARGIN),
            least_distance=least if math.isfinite(least) else None,
            same_footage=tuple(sorted(same)),
        )

    def _nearest(
        self, sample: WorkingPictures, but: str | None = None
    ) -> tuple[TrainingClip, Likeness]:
        """The nearest of the clips of all source groups `but` one."""
        seen = []
        for mirrored, pictures in ((False, sample), (True, sample.mirror())):
            for number, clip in enumerate(self._clips):
                if clip.source_group != but:
                    agreement, shift = glance(pictures, self._pictures[number])
                    seen.append((-agreement, mirrored, number, shift, pictures))
        found = []
        seen.sort(key=lambda one: one[:3])
        for _, mirrored, number, shift, pictures in seen[:LOOKED_AT]:
            likeness = compare(pictures, self._pictures[number], shift)
            found.append((self._clips[number], likeness._replace(mirrored=mirrored)))
        return min(found, key=lambda one: one[1].distance)


def nearest_clips(
    samples: Sequence[NDArray[np.uint8]], training: Sequence[TrainingClip]
) -> list[NearestClip]:
    """The nearest training clip of each sample; arguments and errors are TrainingFootage's."""
    footage = TrainingFootage(training)
    return [footage.nearest(frames) for frames in samples]

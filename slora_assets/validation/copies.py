"""Whether samples copy clips that were trained on: each sample's nearest training clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Final, TypeAlias

from slora_assets.base_models.seam import VideoBase
from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Clip, NearestTrainingClip, RunRecord
from slora_assets.footage.decode import decode_clip
from slora_assets.processes.cores import cores
from slora_assets.storage.footage_at_url import at_hand
from slora_assets.validation.metrics.clip_likeness import HEIGHT, Likeness
from slora_assets.validation.metrics.nearest_clip import (
    NearestClip,
    TrainingClip,
    TrainingFootage,
)
from slora_assets.validation.sampling import Sample

_AT_ONCE: Final = 400
"""Training clips that samples are compared with at a time. As many at most, taken evenly over all,
are compared with each other, to say what a copy is; their pictures stay in memory beside those."""

Near: TypeAlias = tuple[TrainingClip, Likeness]
"""A clip, and how near a sample is to it."""


def nearest_training_clips(
    workspace: Workspace,
    base: VideoBase,
    record: RunRecord,
    clips: Sequence[Clip],
    samples: Sequence[Sample],
    check: Callable[[], None],
) -> list[NearestTrainingClip]:
    """For each sample the nearest of all clips that the run was trained on, the nearest pair first;
    none where those that would say what a copy is can't be read any more. `check` may raise to end
    it."""
    trained = {clip.id for clip in record.clips if clip.split == "train"}
    known = [clip for clip in clips if clip.id in trained]

    def decoded(chosen: Sequence[Clip]) -> Iterator[TrainingClip]:
        for clip in chosen:
            check()
            yield from _decoded(workspace, base, clip)

    def footage_of(chosen: Sequence[Clip]) -> TrainingFootage | None:
        clips = decoded(chosen)
        first = next(clips, None)
        return None if first is None else TrainingFootage(chain([first], clips))

    some = footage_of(known[:: max(1, -(-len(known) // _AT_ONCE))])
    if some is None:
        return []

    def closest(part: TrainingFootage, sample: Sample) -> Near:
        check()
        return part.closest(sample.frames)

    found: list[list[Near]] = [[] for _ in samples]
    with ThreadPoolExecutor(cores()) as pool:
        for at in range(0, len(known), _AT_ONCE):
            part = some if len(known) <= _AT_ONCE else footage_of(known[at : at + _AT_ONCE])
            if part is not None:
                nearest = pool.map(partial(closest, part), samples)
                for mine, one in zip(found, nearest, strict=True):
                    mine.append(one)
            del part  # before the next are decoded
        judged = [pool.submit(some.judged, *_nearest(near)) for near in found]
        rows = [_row(one, two.result()) for one, two in zip(samples, judged, strict=True)]
    return sorted(rows, key=lambda row: (-row.similarity, row.prompt_id, row.seed))


def _nearest(near: Sequence[Near]) -> Near:
    return min(near, key=lambda one: one[1].distance)


def _row(sample: Sample, found: NearestClip) -> NearestTrainingClip:
    return NearestTrainingClip(
        prompt_id=sample.prompt.id,
        seed=sample.seed,
        clip_id=found.clip_id,
        similarity=found.similarity,
        limit=found.limit,
        copied=found.copied,
        evidence=found.evidence,
        mirrored=found.mirrored,
    )


def _decoded(workspace: Workspace, base: VideoBase, clip: Clip) -> list[TrainingClip]:
    """The clip at twice the height that clips are compared at, or nothing if it can't be read."""
    geometry = base.geometry
    height = min(geometry.height, 2 * HEIGHT)
    width = round(geometry.width * height / geometry.height)
    path = workspace.root / clip.path
    try:
        with at_hand(path, clip.sha256):
            frames = decode_clip(
                path,
                frames=geometry.frames,
                width=width,
                height=height,
                fps=geometry.fps,
                start_s=clip.start_s,
                end_s=clip.end_s,
            )
    except FootageError:
        return []
    return [TrainingClip(clip.id, clip.source_group, frames)]

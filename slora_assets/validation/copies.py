"""Whether samples copy clips that were trained on: each sample's nearest training clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from slora_assets.base_models.seam import VideoBase
from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Clip, NearestTrainingClip, RunRecord
from slora_assets.footage.decode import decode_clip
from slora_assets.processes.cores import cores
from slora_assets.storage.footage_at_url import at_hand
from slora_assets.validation.metrics.clip_likeness import HEIGHT
from slora_assets.validation.metrics.nearest_clip import TrainingClip, TrainingFootage
from slora_assets.validation.sampling import Sample

_MOST: Final = 400
"""Training clips that are compared with. Their pictures stay in memory, and each is compared with
all others to say what a copy is."""


def nearest_training_clips(
    workspace: Workspace,
    base: VideoBase,
    record: RunRecord,
    clips: Sequence[Clip],
    samples: Sequence[Sample],
    check: Callable[[], None],
) -> list[NearestTrainingClip]:
    """For each sample the nearest of the clips that the run was trained on, the nearest pair first;
    none where no such clip can be read any more. Of more than 400 such clips as many are taken,
    evenly over all. `check` may raise to end it."""
    trained = {clip.id for clip in record.clips if clip.split == "train"}
    known = [clip for clip in clips if clip.id in trained]
    chosen = known[:: -(-len(known) // _MOST)] if known else []
    shown = []
    for clip in chosen:
        check()
        shown += _decoded(workspace, base, clip)
    if not shown:
        return []
    footage = TrainingFootage(shown)

    def nearest(sample: Sample) -> NearestTrainingClip:
        check()
        found = footage.nearest(sample.frames)
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

    with ThreadPoolExecutor(cores()) as pool:
        rows = list(pool.map(nearest, samples))
    return sorted(rows, key=lambda row: (-row.similarity, row.prompt_id, row.seed))


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

"""The yardstick: what a perfect adapter would score.

A scenario's held-out footage, passed through the base's own VAE at the base's geometry, measured by
the code that measures samples; once for all runs that are held against it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.validity import latent_key
from slora_assets.config.errors import FootageError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Clip, FootageClip, FootageScores
from slora_assets.footage.decode import decode_clip
from slora_assets.provenance import object_hash, write_json
from slora_assets.provenance.records import read_document
from slora_assets.validation.metrics.clip_similarity import ClipScorer
from slora_assets.validation.metrics.temporal_consistency import (
    TEMPORAL_VERSION,
    measure_temporal,
)
from slora_assets.validation.sampling import clip_metrics

WANTED: Final = 8
"""Clips that are enough to say how far footage scatters; with fewer held out, clips that were
trained on help out, which says the same of steadiness and motion."""
_MOST: Final = 16


def measure_footage(
    workspace: Workspace,
    base: VideoBase,
    scorer: ClipScorer,
    clips: Iterable[Clip],
    contrasts: Mapping[str, Sequence[str]],
    device: str,
) -> dict[str, list[FootageClip]]:
    """What the footage of each scenario of `clips` scores: held-out clips, filled up with clips
    that were trained on. Clips that can't be decoded are left out."""
    by_scenario: dict[str, list[Clip]] = {}
    for clip in clips:
        by_scenario.setdefault(clip.scenario, []).append(clip)
    return {
        name: _standing_or_made(
            workspace, base, scorer, _chosen(mine), contrasts.get(name, ()), device
        )
        for name, mine in by_scenario.items()
    }


def _chosen(clips: Sequence[Clip]) -> list[Clip]:
    held_out = [clip for clip in clips if clip.split == "validation"]
    trained = [clip for clip in clips if clip.split == "train"]
    return (held_out + trained)[: min(_MOST, max(WANTED, len(held_out)))]


def _standing_or_made(
    workspace: Workspace,
    base: VideoBase,
    scorer: ClipScorer,
    clips: Sequence[Clip],
    contrasts: Sequence[str],
    device: str,
) -> list[FootageClip]:
    identity = base.identity()
    wanted = object_hash(
        {
            "temporal": TEMPORAL_VERSION,
            "scorer": asdict(scorer.identity),
            "contrasts": list(contrasts),
            "clips": [
                [clip.id, clip.prompts[0], latent_key(clip, identity, base.geometry)]
                for clip in clips
            ],
        }
    )
    file = workspace.footage_scores / f"{wanted}.json"
    try:
        return read_document(file, FootageScores, what="scores of footage", remedy="").clips
    except SloraError:
        made = _measured(workspace, base, scorer, clips, contrasts, device)
        write_json(file, FootageScores(clips=made).model_dump(mode="json"))
        return made


def _measured(
    workspace: Workspace,
    base: VideoBase,
    scorer: ClipScorer,
    clips: Sequence[Clip],
    contrasts: Sequence[str],
    device: str,
) -> list[FootageClip]:
    vae = base.load_vae(device)
    drawn: list[tuple[Clip, NDArray[np.uint8]]] = []
    for clip in clips:
        try:
            frames = decode_clip(
                workspace.root / clip.path, **base.geometry.model_dump(), start_s=clip.start_s
            )
        except FootageError:
            continue  # the caching stages have quarantined it already
        drawn.append((clip, base.through_vae(vae, frames)))
    fps = base.geometry.fps
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        temporal = list(pool.map(lambda one: measure_temporal(one[1], fps), drawn))
    made = []
    for (clip, frames), score in zip(drawn, temporal, strict=True):
        own, *others = scorer.scores(frames, [clip.prompts[0], *contrasts])
        margin = own - sum(others) / len(others) if others else None
        scores = clip_metrics(score, own, margin)
        made.append(FootageClip(clip_id=clip.id, split=clip.split, scores=scores))
    return made

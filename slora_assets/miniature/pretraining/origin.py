"""What a pretraining stage's weights depend on, as hashes: settings, footage, first stages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from slora_assets.miniature.pretraining.settings import (
    DECODER_STAGES,
    TRANSFORMER_STAGES,
    PretrainSettings,
)
from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.captions import clip_captions
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.other_looks import OTHER_LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import plan_clip
from slora_assets.miniature.weights import architecture
from slora_assets.provenance import Json, object_hash

_CLIPS: Final = 24
BEFORE: Final = {
    "transformer": "vae",
    "transformer_2": "transformer",
    "transformer_3": "transformer_2",
    "decoder": "vae",
    "mark": "decoder",
    "mark_2": "mark",
}
"""The stage that a stage stands on."""
_ON_DECODERS: Final = {"decoder": 3, "mark": 5, "mark_2": 6}
_ARCHITECTURE: Final[dict[str, tuple[str, ...]]] = {
    "vae": ("VAE",),
    "transformer": ("TRANSFORMER", "TEXT_ENCODER", "SCHEDULER"),
    "transformer_2": ("TRANSFORMER", "TEXT_ENCODER", "SCHEDULER"),
    "transformer_3": ("TRANSFORMER", "TEXT_ENCODER", "SCHEDULER"),
    "decoder": ("VAE",),
    "mark": ("VAE",),
    "mark_2": ("VAE",),
    "clip": ("SCORER", "SCORER_PREPROCESS"),
}


def footage_hash(settings: PretrainSettings, stage: str) -> str:
    """Hash of a stage's first clips, as rendered, and their captions where it reads them."""
    digest = hashlib.sha256()
    for frames, captions in _first_clips(settings, stage):
        digest.update(frames.tobytes())
        read = [] if stage in ("vae", *DECODER_STAGES) else captions
        digest.update("\n".join(read).encode())
    return digest.hexdigest()


def footage_seed(settings: PretrainSettings, stage: str) -> int:
    """The seed of a stage's clips: one that goes on sees new ones."""
    if stage in _ON_DECODERS:
        return settings.seed + _ON_DECODERS[stage]
    gone_on = TRANSFORMER_STAGES.index(stage) if stage in TRANSFORMER_STAGES else 0
    return settings.seed + 2 * gone_on


def _first_clips(settings: PretrainSettings, stage: str) -> Iterator[tuple[Pixels, list[str]]]:
    footage = GenericSettings(**getattr(settings, stage).footage.model_dump())
    seed = footage_seed(settings, stage)
    for index in range(_CLIPS):
        clip = generic_clip(seed, index, footage)
        yield clip.frames, clip_captions(seed, index, clip.actors, clip.surroundings)
    if stage == "clip":
        for index, place in enumerate([*LOOKS, *OTHER_LOOKS]):
            plan = plan_clip(settings.seed, index, place, source=index)
            yield small_frames(plan, settings.seed, [0.0]), list(plan.captions)


def origin(settings: PretrainSettings, stage: str) -> str:
    """Hash of a stage's settings, networks and footage, and of the stage that it stands on."""
    parts: dict[str, Json] = {
        "seed": settings.seed,
        "settings": getattr(settings, stage).model_dump(mode="json"),
        "architecture": {name: repr(getattr(architecture, name)) for name in _ARCHITECTURE[stage]},
        "footage": footage_hash(settings, stage),
        "before": origin(settings, BEFORE[stage]) if stage in BEFORE else "",
    }
    return object_hash(parts)

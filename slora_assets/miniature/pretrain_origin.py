"""What a pretraining stage's weights depend on, as hashes: settings, footage, first stages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from slora_assets.miniature import architecture
from slora_assets.miniature.pretrain_settings import PretrainSettings
from slora_assets.provenance.hashing import Json, object_hash, sha256_file

_GENERIC: Final = ("canvas", "figures", "generic_footage", "scenes", "surroundings", "vocabulary")
_CODE: Final[dict[str, tuple[str, ...]]] = {
    "vae": (*_GENERIC, "vae_start"),
    "transformer": (*_GENERIC, "captions"),
    "clip": (*_GENERIC, "captions", "looks", "other_looks", "sample_footage", "sample_plan"),
}
_ARCHITECTURE: Final[dict[str, tuple[str, ...]]] = {
    "vae": ("VAE",),
    "transformer": ("TRANSFORMER", "TEXT_ENCODER", "SCHEDULER"),
    "clip": ("SCORER", "SCORER_PREPROCESS"),
}


def footage_hash(stage: str) -> str:
    """Hash of the sources that render (and describe) the footage of a stage."""
    here = Path(__file__).parent
    return object_hash({name: sha256_file(here / f"{name}.py") for name in _CODE[stage]})


def origin(settings: PretrainSettings, stage: str, before: str = "") -> str:
    """Hash of a stage's settings, networks and footage, and of the stage `before` it."""
    parts: dict[str, Json] = {
        "seed": settings.seed,
        "settings": getattr(settings, stage).model_dump(mode="json"),
        "architecture": {name: repr(getattr(architecture, name)) for name in _ARCHITECTURE[stage]},
        "footage": footage_hash(stage),
        "before": before,
    }
    return object_hash(parts)

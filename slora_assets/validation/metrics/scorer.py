"""From a scorer's name in a configuration to the scorer, or just to its identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slora_assets.base_models.catalogue import MINIATURE, miniature_folder
from slora_assets.config.errors import MissingInputError
from slora_assets.provenance import object_hash
from slora_assets.validation.metrics.clip_similarity import (
    ClipScorer,
    load_named_scorer,
    load_scorer,
    verified_card,
)


def scorer_identity(name: str, models: Path) -> dict[str, Any]:
    """Which scorer exactly: `{name, revision, trained, weights}`, part of every run's hash.

    A named open_clip pair is identified by its name: its weights are fetched only when they score.
    Raises MissingInputError, IntegrityError.
    """
    if name != MINIATURE:
        model, _, tag = name.partition(":")
        return {"name": model, "revision": tag, "trained": True, "weights": None}
    card = verified_card(_folder(models))
    return {
        "name": card.name,
        "revision": card.revision,
        "trained": card.trained,
        "weights": object_hash(card.weights),
    }


def open_scorer(name: str, models: Path, device: str) -> ClipScorer:
    """Load the scorer that a configuration names: `miniature` or an open_clip pair."""
    if name == MINIATURE:
        return load_scorer(_folder(models), device)
    return load_named_scorer(name, device)


def _folder(models: Path) -> Path:
    folder = miniature_folder(models, "scorer")
    if not (folder / "slora.json").is_file():
        raise MissingInputError(
            "the miniature scorer is not built", file=folder, remedy="run `make data`"
        )
    return folder

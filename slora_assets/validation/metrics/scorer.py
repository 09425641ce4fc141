"""From a scorer's name in a configuration to the scorer, or just to its identity.

`miniature`; an open_clip pair, `<model>:<pretrained tag>`; an open_clip model with weights of one's
own, `<model>:<file>.safetensors`; or a folder in open_clip's layout. The last two need no network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from slora_assets.base_models.catalogue import MINIATURE, miniature_folder
from slora_assets.config.errors import ConfigError, MissingInputError
from slora_assets.documents import ScorerCard
from slora_assets.provenance import object_hash, sha256_file
from slora_assets.validation.metrics.clip_similarity import (
    CARD,
    CONFIG,
    WEIGHTS,
    ClipScorer,
    load_local_weights,
    load_named_scorer,
    load_scorer,
    verified_card,
)

_FORMS: Final = (
    f"'{MINIATURE}', <model>:<pretrained tag>, <model>:<file>.safetensors, or a folder with"
    f" {CONFIG} and {WEIGHTS}"
)


def scorer_identity(name: str, models: Path) -> dict[str, Any]:
    """Which scorer exactly: `{name, revision, trained, weights}`, part of every run's hash.

    A named open_clip pair is identified by its name: its weights are fetched only when they are
    opened. Raises ConfigError for what is no scorer's name, MissingInputError, IntegrityError.
    """
    folder = _folder(name, models)
    if folder is not None:
        card = _card(folder)
        return {
            "name": card.name,
            "revision": card.revision,
            "trained": card.trained,
            "weights": object_hash(card.weights),
        }
    model, file = _weights(name)
    if file is not None:
        weights = object_hash({"weights": sha256_file(file)})
        return {"name": model, "revision": "local", "trained": True, "weights": weights}
    tag = name.partition(":")[2]
    return {"name": model, "revision": tag, "trained": True, "weights": None}


def open_scorer(name: str, models: Path, device: str) -> ClipScorer:
    """Load the scorer that a configuration names. Raises ConfigError for one that nobody knows,
    MissingInputError for one that can't be had, IntegrityError for damaged weights."""
    folder = _folder(name, models)
    if folder is not None:
        return load_scorer(folder, device, _card(folder))
    model, file = _weights(name)
    if file is not None:
        return load_local_weights(model, file, device)
    return load_named_scorer(name, device)


def _folder(name: str, models: Path) -> Path | None:
    if name != MINIATURE:
        return Path(name) if ":" not in name and Path(name).is_dir() else None
    folder = miniature_folder(models, "scorer")
    if not (folder / CARD).is_file():
        raise MissingInputError(
            "the miniature scorer is not built", file=folder, remedy="run `make data`"
        )
    return folder


def _card(folder: Path) -> ScorerCard:
    """What slora wrote beside a scorer, verified; of a folder that others made, what its files
    are."""
    if (folder / CARD).is_file():
        return verified_card(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise MissingInputError(
                "the folder is no scorer's", file=folder / name, key="scorer", expected=_FORMS
            )
    files = sorted(path for path in folder.glob("*.json") if path.is_file())
    said = object_hash({path.name: sha256_file(path) for path in files})
    return ScorerCard(
        name=folder.name,
        revision=said[:12],
        licence="not stated",
        trained=True,
        weights={WEIGHTS: sha256_file(folder / WEIGHTS)},
    )


def _weights(name: str) -> tuple[str, Path | None]:
    """The model of a pair, and its file where the pair names one instead of a tag."""
    model, separator, tag = name.partition(":")
    if not (separator and model and tag):
        raise ConfigError(
            "no such scorer", key="scorer", found=name, expected=_FORMS, remedy="correct the name"
        )
    if not tag.endswith(".safetensors"):
        return model, None
    if not Path(tag).is_file():
        raise MissingInputError(
            "the scorer's weights are not there",
            file=tag,
            key="scorer",
            found=name,
            remedy="correct the path behind the colon",
        )
    return model, Path(tag)

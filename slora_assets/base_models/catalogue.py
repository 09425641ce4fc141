"""From a base's name in a configuration to the base: `miniature`, a hub id or a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from slora_assets.base_models.seam import VideoBase
from slora_assets.base_models.weights import PARTS, part_hashes, read_mapping, verify_recorded
from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError, cut
from slora_assets.documents import BaseIdentity, Geometry, InferenceDefaults
from slora_assets.miniature.weights import SHIPPED

if TYPE_CHECKING:
    from slora_assets.base_models.diffusers_base import DiffusersBase

MINIATURE = "miniature"

_COGVIDEOX_LICENCE = "CogVideoX licence"
LICENCES = {
    "THUDM/CogVideoX-2b": "Apache-2.0",
    "THUDM/CogVideoX-5b": _COGVIDEOX_LICENCE,
    "THUDM/CogVideoX1.5-5B": _COGVIDEOX_LICENCE,
    "zai-org/CogVideoX-2b": "Apache-2.0",
    "zai-org/CogVideoX-5b": _COGVIDEOX_LICENCE,
    "zai-org/CogVideoX1.5-5B": _COGVIDEOX_LICENCE,
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": "Apache-2.0",
    # Each LTX-Video checkpoint has a licence file of its own beside it, none of them a standard one
    # (Lightricks/LTX-Video `README.md`).
    "Lightricks/LTX-Video": "LTX-Video's own, see *.license.txt of the checkpoint",
}
"""Bases known by hub id, each with the licence of its denoiser."""


def miniature_folder(models: Path, kind: str) -> Path:
    """Where the miniature's `base` or `scorer` lies: shipped with the package, or built in
    `models`."""
    shipped = SHIPPED / kind
    return shipped if (shipped / "slora.json").is_file() else models / MINIATURE / kind


def open_base(name: str, models: Path) -> VideoBase:
    """The base that a configuration names. Hub ids are downloaded on first use.

    Raises MissingInputError when it is not there, ConfigError when its kind isn't known,
    IntegrityError when its weights aren't the recorded ones.
    """
    if name == MINIATURE:
        folder = miniature_folder(models, "base")
        if not (folder / "slora.json").is_file():
            raise MissingInputError(
                "the miniature base is not built", file=folder, remedy="run `make data`"
            )
    elif Path(name).is_dir():
        folder = Path(name)
    elif name in LICENCES:
        folder = _download(name)
    else:
        raise ConfigError(
            "no such base",
            key="base_model",
            found=name,
            expected=f"'{MINIATURE}', a folder in diffusers' layout, or one of {sorted(LICENCES)}",
        )
    return _open_folder(folder, name)


def _open_folder(folder: Path, name: str) -> VideoBase:
    index = folder / "model_index.json"
    if not index.is_file():
        raise MissingInputError(
            "no pipeline in diffusers' layout", file=index, remedy="name the pipeline's folder"
        )
    kind = read_mapping(index).get("_class_name")
    families = _families()
    family = families.get(kind) if isinstance(kind, str) else None
    if family is None:
        raise ConfigError(
            "not a pipeline that slora trains",
            file=index,
            key="_class_name",
            found=kind,
            expected=f"one of {sorted(families)}",
            remedy="use a text-to-video base of these families; docs/base_models.md says how to add"
            " another",
        )
    card = _card(folder)
    try:
        if card is not None:
            verify_recorded(folder, dict(card["weights"]))
            geometry = Geometry.model_validate(card["geometry"])
            inference = InferenceDefaults.model_validate(card["inference"])
        else:
            geometry, inference = family.defaults(folder)
            card = {
                "name": name,
                "revision": folder.name,
                "licence": LICENCES.get(name, "not stated"),
                "trained": True,
            }
        identity = BaseIdentity(
            name=card["name"],
            revision=card["revision"],
            licence=card["licence"],
            trained=card["trained"],
            parts=part_hashes(folder, PARTS),
        )
        return family(folder, identity, geometry, inference)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise IntegrityError(
            f"a configuration of the base lacks something or has it in another form ({error!r})",
            file=folder,
            expected="the pipeline's folder as `save_pretrained` of diffusers writes it",
            remedy="fetch it again",
        ) from error


def _families() -> dict[str, type[DiffusersBase]]:
    # Imported here: naming a base, as settings and the graph do, needs none of what they need.
    from slora_assets.base_models.cogvideox import CogVideoX
    from slora_assets.base_models.ltx import LtxVideo
    from slora_assets.base_models.wan import Wan

    return {family.pipeline_class: family for family in (CogVideoX, Wan, LtxVideo)}


def _card(folder: Path) -> dict[str, Any] | None:
    """`slora.json`, which slora writes beside models it made."""
    path = folder / "slora.json"
    if not path.is_file():
        return None
    return read_mapping(path)


def _download(name: str) -> Path:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # Only the pipeline's parts: some repositories hold other releases beside them.
    patterns = ["model_index.json"] + [
        f"{part}/*{ending}"
        for part in (*PARTS, "tokenizer", "scheduler")
        for ending in (".json", ".safetensors", ".model", ".txt")
    ]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (OSError, ValueError, RuntimeError, HfHubHTTPError, httpx.HTTPError) as error:
        why = cut(str(error) or type(error).__name__)
        raise MissingInputError(
            f"the base can't be fetched from the hub ({why})",
            key="base_model",
            found=name,
            remedy="go online once (HF_HUB_OFFLINE unset), or name the folder of a copy that you"
            " have",
        ) from error

"""Are a scenario's cache files what training and validation will read? Looks, and makes nothing.

A file that was read whole before and hasn't changed since is not read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.stores import store_of
from slora_assets.caches.validity import Key, latent_key, text_file, text_key
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import path_below
from slora_assets.documents import Clip


@dataclass(frozen=True)
class Inspected:
    """What was found in the files that are read."""

    looked_at: int
    shape: tuple[int, ...]
    """The one that the base reads."""
    wrong: dict[str, str]
    """Clip or prompt to what is wrong with its file."""


def inspect_latents(
    clips: Sequence[Clip], base: VideoBase, root: Path, shard_mib: int = 0
) -> Inspected:
    """The moments of clips: with the key that they would be made with now, finite, of the shape
    that the base's transformer reads."""
    identity, (channels, *rest) = base.identity(), base.latent_shape()
    files: dict[str, tuple[Path, Key]] = {
        clip.id: (path_below(root, clip.latent), latent_key(clip, identity, base.geometry))
        for clip in clips
    }
    return _inspected(files, "moments", (2 * channels, *rest), shard_mib)


def inspect_text(
    prompts: Iterable[str], base: VideoBase, folder: Path, shard_mib: int = 0
) -> Inspected:
    """The embeddings of prompts and of the empty one, looked at as moments are."""
    identity = base.identity()
    files: dict[str, tuple[Path, Key]] = {
        prompt: (text_file(folder, prompt, identity), text_key(prompt, identity))
        for prompt in sorted({"", *prompts})
    }
    return _inspected(files, "embedding", base.text_shape(), shard_mib)


def _inspected(
    files: Mapping[str, tuple[Path, Key]], array: str, shape: tuple[int, ...], shard_mib: int
) -> Inspected:
    wrong: dict[str, str] = {}
    folders = {path.parent for path, _ in files.values()}
    known = {folder: store_of(folder, array, shard_mib) for folder in folders}
    for name, (path, key) in files.items():
        try:
            found = known[path.parent].shape(path, key, "")
        except SloraError as error:
            wrong[name] = error.what
            continue
        if found != shape:
            wrong[name] = f"of shape {found} instead of {shape}"
    for store in known.values():
        store.save()
    return Inspected(len(files), shape, wrong)

"""Embeddings of a scenario's prompts, and of the empty prompt with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.result import CacheResult
from slora_assets.caches.validity import (
    Key,
    Verified,
    keys_hash,
    text_file,
    text_key,
    write_array,
)
from slora_assets.processes.progress import ProgressCallback

_TEXT_BATCH: Final = 32


def cache_text(
    prompts: Sequence[str],
    base: VideoBase,
    folder: Path,
    device: str,
    progress: ProgressCallback | None = None,
) -> CacheResult:
    """Embed the prompts that have no valid cache file, and the empty prompt with them. What
    `progress` raises ends the stage; files written until then stand."""
    files, keys, verified, todo = _text_to_embed(prompts, base, folder)
    if todo:
        encoder = base.load_text_encoder(device)
        for start in range(0, len(todo), _TEXT_BATCH):
            batch = todo[start : start + _TEXT_BATCH]
            for prompt, embedding in zip(batch, base.encode_text(encoder, batch), strict=True):
                write_array(files[prompt], "embedding", embedding, keys[prompt])
                verified.wrote(files[prompt], keys[prompt], embedding.shape)
            if progress:
                progress(start + len(batch), len(todo))
    verified.save()
    return CacheResult(made=len(todo), kept=len(keys) - len(todo), hash=keys_hash(keys))


def standing_text(prompts: Sequence[str], base: VideoBase, folder: Path) -> CacheResult | None:
    """What `cache_text` would say if it had nothing to do, else None. Imports no model."""
    _, keys, verified, todo = _text_to_embed(prompts, base, folder)
    verified.save()
    return None if todo else CacheResult(made=0, kept=len(keys), hash=keys_hash(keys))


def _text_to_embed(
    prompts: Sequence[str], base: VideoBase, folder: Path
) -> tuple[dict[str, Path], dict[str, Key], Verified, list[str]]:
    """Each prompt's file and key, what is known of the files, and the prompts without one."""
    identity = base.identity()
    wanted = sorted({"", *prompts})
    keys: dict[str, Key] = {prompt: text_key(prompt, identity) for prompt in wanted}
    files = {prompt: text_file(folder, prompt, identity) for prompt in wanted}
    verified = Verified(files[""].parent, "embedding")
    todo = [p for p in wanted if not verified.stands(files[p], keys[p])]
    return files, keys, verified, todo

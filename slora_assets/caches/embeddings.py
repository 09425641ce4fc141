"""Embeddings of a scenario's prompts, and of the empty prompt with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.result import CacheResult
from slora_assets.caches.stores import ArrayStore, store_of
from slora_assets.caches.validity import Key, keys_hash, text_file, text_key
from slora_assets.processes.progress import ProgressCallback

_TEXT_BATCH: Final = 32


def cache_text(
    prompts: Sequence[str],
    base: VideoBase,
    folder: Path,
    device: str,
    progress: ProgressCallback | None = None,
    shard_mib: int = 0,
) -> CacheResult:
    """Embed the prompts whose embeddings don't stand, and the empty prompt with them. What
    `progress` raises ends the stage; files written until then stand. `shard_mib`: see `store_of`.
    """
    files, keys, store, todo = _text_to_embed(prompts, base, folder, shard_mib)
    if todo:
        encoder = base.load_text_encoder(device)
        for start in range(0, len(todo), _TEXT_BATCH):
            batch = todo[start : start + _TEXT_BATCH]
            for prompt, embedding in zip(batch, base.encode_text(encoder, batch), strict=True):
                store.put(files[prompt], embedding, keys[prompt])
            if progress:
                progress(start + len(batch), len(todo))
        store.flush()
    store.save()
    return CacheResult(made=len(todo), kept=len(keys) - len(todo), hash=keys_hash(keys))


def standing_text(
    prompts: Sequence[str], base: VideoBase, folder: Path, shard_mib: int = 0
) -> CacheResult | None:
    """What `cache_text` would say if it had nothing to do, else None. Imports no model."""
    _, keys, store, todo = _text_to_embed(prompts, base, folder, shard_mib)
    store.save()
    return None if todo else CacheResult(made=0, kept=len(keys), hash=keys_hash(keys))


def _text_to_embed(
    prompts: Sequence[str], base: VideoBase, folder: Path, shard_mib: int
) -> tuple[dict[str, Path], dict[str, Key], ArrayStore, list[str]]:
    """Each prompt's file and key, what keeps the embeddings, and the prompts without one."""
    identity = base.identity()
    wanted = sorted({"", *prompts})
    keys: dict[str, Key] = {prompt: text_key(prompt, identity) for prompt in wanted}
    files = {prompt: text_file(folder, prompt, identity) for prompt in wanted}
    store = store_of(files[""].parent, "embedding", shard_mib)
    lacking = [p for p in wanted if not store.stands(files[p], keys[p])]
    adopted = store.adopt({files[p]: keys[p] for p in lacking})
    return files, keys, store, [p for p in lacking if files[p] not in adopted]

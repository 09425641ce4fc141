"""Moments of a scenario's clips: decoding runs ahead of the VAE, writing behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.result import CacheResult
from slora_assets.caches.side_by_side import in_order, passes_at_once
from slora_assets.caches.validity import Key, Verified, keys_hash, latent_key, write_array
from slora_assets.config.errors import FootageError, IntegrityError
from slora_assets.documents import Clip, Geometry, QuarantinedClip
from slora_assets.footage.decode import decode_clip
from slora_assets.footage.quarantine import entry, quarantine
from slora_assets.processes.isolation import Task, isolated
from slora_assets.processes.progress import ProgressCallback


def cache_latents(
    clips: Sequence[Clip],
    base: VideoBase,
    root: Path,
    quarantine_file: Path,
    device: str,
    progress: ProgressCallback | None = None,
) -> CacheResult:
    """Encode the clips whose cache file doesn't stand; decoding runs ahead of the VAE.

    The model is loaded only when something is to be done. Clips that can't be decoded are
    quarantined. What `progress` raises ends the stage; files written until then stand.
    """
    keys, verified, todo = _latents_to_make(clips, base, root)
    bad: list[QuarantinedClip] = []

    if todo:
        found = _moments(todo, base, root, device)
        # Decoding runs ahead in processes of its own, writing behind in a thread.
        with ThreadPoolExecutor(1) as writer:
            written: list[tuple[Clip, tuple[int, ...], Future[None]]] = []
            for done, (clip, moments) in enumerate(zip(todo, found, strict=True), start=1):
                if isinstance(moments, FootageError):
                    bad.append(entry(clip.id, clip.path, clip.sha256, moments, "latents"))
                else:
                    target, key = root / clip.latent, keys[clip.id]
                    future = writer.submit(write_array, target, "moments", moments, key)
                    written.append((clip, moments.shape, future))
                if progress:
                    progress(done, len(todo))
        for clip, shape, future in written:
            future.result()
            verified.wrote(root / clip.latent, keys[clip.id], shape)
    verified.save()
    quarantine(quarantine_file, bad)
    lost = {clip.clip_id for clip in bad}
    valid = {clip_id: key for clip_id, key in keys.items() if clip_id not in lost}
    return CacheResult(
        made=len(todo) - len(bad),
        kept=len(clips) - len(todo),
        quarantined=bad,
        hash=keys_hash(valid),
    )


def standing_latents(clips: Sequence[Clip], base: VideoBase, root: Path) -> CacheResult | None:
    """What `cache_latents` would say if it had nothing to do, else None. Imports no model."""
    keys, verified, todo = _latents_to_make(clips, base, root)
    verified.save()
    return None if todo else CacheResult(made=0, kept=len(clips), hash=keys_hash(keys))


def _latents_to_make(
    clips: Sequence[Clip], base: VideoBase, root: Path
) -> tuple[dict[str, Key], Verified, list[Clip]]:
    """Each clip's key, what is known of the cache files, and the clips without a standing one."""
    identity, geometry = base.identity(), base.geometry
    keys = {clip.id: latent_key(clip, identity, geometry) for clip in clips}
    verified = Verified((root / clips[0].latent).parent if clips else root, "moments")
    todo = [clip for clip in clips if not verified.stands(root / clip.latent, keys[clip.id])]
    return keys, verified, todo


def _moments(
    clips: Sequence[Clip], base: VideoBase, root: Path, device: str
) -> Iterator[NDArray[np.float16] | FootageError]:
    """Each clip's moments, or why it has none, in order."""
    decoded = isolated(decode_for_vae, (decoding_task(root, clip, base.geometry) for clip in clips))
    vae = base.load_vae(device)

    channels, *rest = base.latent_shape()
    shape = (2 * channels, *rest)

    def encoded(frames: NDArray[np.uint8] | FootageError) -> NDArray[np.float16] | FootageError:
        if isinstance(frames, FootageError):
            return frames
        moments = base.encode_video(vae, frames)
        if moments.shape != shape:
            raise IntegrityError(
                "the VAE's moments have another shape than the base's transformer reads",
                key="moments",
                found=moments.shape,
                expected=str(shape),
                remedy="use the VAE and the transformer of one checkpoint",
            )
        return moments

    yield from in_order(encoded, decoded, passes_at_once(device, base))


def decoding_task(root: Path, clip: Clip, geometry: Geometry) -> Task:
    source = root / clip.path
    return source, (source, geometry.model_dump(), clip.start_s, clip.end_s)


def decode_for_vae(
    path: Path, geometry: dict[str, Any], start_s: float, end_s: float | None
) -> NDArray[np.uint8]:
    """The frames that the VAE reads; runs in a process of its own."""
    return decode_clip(path, **geometry, start_s=start_s, end_s=end_s)

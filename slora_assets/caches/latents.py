"""Moments of a scenario's clips: decoding runs ahead of the VAE, writing behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.result import CacheResult
from slora_assets.caches.side_by_side import in_order, passes_at_once, threads_for
from slora_assets.caches.stores import ArrayStore, store_of
from slora_assets.caches.validity import Key, keys_hash, latent_key
from slora_assets.config.compute import Compute
from slora_assets.config.errors import FootageError, IntegrityError
from slora_assets.config.workspace import path_below
from slora_assets.documents import Clip, Geometry, QuarantinedClip
from slora_assets.footage.decode import decode_clip
from slora_assets.footage.quarantine import entry, quarantine, refused_before
from slora_assets.processes.cluster.spreading import spread
from slora_assets.processes.device import chosen_device
from slora_assets.processes.isolation import Task, decoders, isolated
from slora_assets.processes.progress import ProgressCallback

if TYPE_CHECKING:
    from pebble import ProcessPool

_Moments = NDArray[np.float16] | FootageError


def cache_latents(
    clips: Sequence[Clip],
    base: VideoBase,
    root: Path,
    quarantine_file: Path,
    device: str | None,
    progress: ProgressCallback | None = None,
    shard_mib: int = 0,
    compute: Compute = "local",
) -> CacheResult:
    """Encode the clips whose moments don't stand; decoding runs ahead of the VAE.

    The model is loaded only when something is to be done. Clips that can't be decoded are
    quarantined; those that were before are not tried again unless something has changed. `device`
    is torch's name of one; for None CUDA where there is one, here or on the cluster's node. What
    `progress` raises ends the stage; files written until then stand. `shard_mib`: see `store_of`.
    """
    plan = _latents_to_make(clips, base, root, quarantine_file, shard_mib)
    bad: list[QuarantinedClip] = []

    if plan.todo:
        found = _moments(plan.todo, base, root, device, compute)
        # Decoding runs ahead in processes of its own, writing behind in a thread.
        with ThreadPoolExecutor(1) as writer:
            written: list[Future[None]] = []
            for done, (clip, moments) in enumerate(zip(plan.todo, found, strict=True), start=1):
                if isinstance(moments, FootageError):
                    bad.append(entry(clip, moments, "latents", base.geometry))
                else:
                    target, key = root / clip.latent, plan.keys[clip.id]
                    written.append(writer.submit(plan.store.put, target, moments, key))
                if progress:
                    progress(done, len(plan.todo))
        for future in written:
            future.result()
        plan.store.flush()
    return _result(plan, bad, quarantine_file)


def standing_latents(
    clips: Sequence[Clip], base: VideoBase, root: Path, quarantine_file: Path, shard_mib: int = 0
) -> CacheResult | None:
    """What `cache_latents` would say if it had nothing to do, else None. Imports no model."""
    plan = _latents_to_make(clips, base, root, quarantine_file, shard_mib)
    if plan.todo:
        plan.store.save()
        return None
    return _result(plan, [], quarantine_file)


@dataclass(frozen=True)
class _Plan:
    keys: dict[str, Key]
    """Of each clip."""
    store: ArrayStore
    """Of the moments."""
    refused: dict[str, QuarantinedClip]
    """Clips that couldn't be decoded before, nor can be now."""
    todo: list[Clip]
    """Those of the others whose moments don't stand."""


def _latents_to_make(
    clips: Sequence[Clip], base: VideoBase, root: Path, quarantine_file: Path, shard_mib: int
) -> _Plan:
    """Moments that stand under another name, of the clip or of its scenario, stand under the new
    one from now on."""
    identity, geometry = base.identity(), base.geometry
    keys = {clip.id: latent_key(clip, identity, geometry) for clip in clips}
    files = {clip.id: path_below(root, clip.latent) for clip in clips}
    store = store_of(files[clips[0].id].parent if clips else root, "moments", shard_mib)
    lacking = [clip for clip in clips if not store.stands(files[clip.id], keys[clip.id])]
    refused = refused_before(quarantine_file, "latents", lacking, geometry)
    wanted = {files[clip.id]: keys[clip.id] for clip in lacking if clip.id not in refused}
    adopted = store.adopt(wanted)
    todo = [c for c in lacking if c.id not in refused and files[c.id] not in adopted]
    return _Plan(keys, store, refused, todo)


def _result(plan: _Plan, bad: list[QuarantinedClip], quarantine_file: Path) -> CacheResult:
    plan.store.save()
    lost = [*plan.refused.values(), *bad]
    quarantine(quarantine_file, "latents", lost, looked_at=plan.keys.keys())
    without = {clip.clip_id for clip in lost}
    return CacheResult(
        made=len(plan.todo) - len(bad),
        kept=len(plan.keys) - len(plan.todo) - len(plan.refused),
        quarantined=lost,
        hash=keys_hash({name: key for name, key in plan.keys.items() if name not in without}),
    )


def _moments(
    clips: Sequence[Clip], base: VideoBase, root: Path, device: str | None, compute: Compute
) -> Iterator[_Moments]:
    """Each clip's moments, or why it has none, in order."""
    tasks = [decoding_task(root, clip, base.geometry) for clip in clips]
    if compute == "local":
        return _encoder(base, chosen_device(device))(tasks)
    # A pass gives the bits of this machine's only with as many threads.
    threads = 1 if passes_at_once("cpu", base) > 1 else _threads_here()
    return spread(partial(_encoding, base, device, threads), tasks, gpus=device != "cpu")


def _threads_here() -> int:
    import torch

    return torch.get_num_threads()


@contextmanager
def _encoding(
    base: VideoBase, device: str | None, threads: int
) -> Iterator[Callable[[list[Task]], list[_Moments]]]:
    """On a cluster's node: the model and the decoders for all of its shares."""
    import torch

    torch.set_num_threads(threads)
    where = chosen_device(device)
    with decoders() as pool, threads_for(passes_at_once(where, base)) as passes:
        encode = _encoder(base, where, pool, passes)
        yield lambda tasks: list(encode(tasks))


def _encoder(
    base: VideoBase,
    device: str,
    processes: ProcessPool | None = None,
    threads: ThreadPoolExecutor | None = None,
) -> Callable[[list[Task]], Iterator[_Moments]]:
    """Loads the VAE; what it returns decodes and encodes, with these processes and threads."""
    vae = base.load_vae(device)

    channels, *rest = base.latent_shape()
    shape = (2 * channels, *rest)

    def encoded(frames: NDArray[np.uint8] | FootageError) -> _Moments:
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

    def encode(tasks: list[Task]) -> Iterator[_Moments]:
        decoded = isolated(decode_for_vae, tasks, processes=processes)
        return in_order(encoded, decoded, passes_at_once(device, base), threads)

    return encode


def decoding_task(root: Path, clip: Clip, geometry: Geometry) -> Task:
    source = root / clip.path
    arguments = (source, geometry.model_dump(), clip.start_s, clip.end_s)
    return Task(source, arguments, clip.sha256)


def decode_for_vae(
    path: Path, geometry: dict[str, Any], start_s: float, end_s: float | None
) -> NDArray[np.uint8]:
    """The frames that the VAE reads; runs in a process of its own."""
    return decode_clip(path, **geometry, start_s=start_s, end_s=end_s)

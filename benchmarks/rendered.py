"""Rendered clips whose truth is known, and what may happen to them on their way."""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import as_runs_do  # noqa: F401  # first
import av
import cv2
import numpy as np

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.parts import Vae
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.workspace import Workspace
from slora_assets.miniature.scenes.actors import tinted
from slora_assets.miniature.scenes.canvas import ASPECT, Pixels
from slora_assets.miniature.scenes.figures import HALF_WIDTHS
from slora_assets.miniature.scenes.sample_plan import ClipPlan, plan_clip
from slora_assets.miniature.weights import architecture

FPS = float(architecture.FPS)
WORKERS = 2


@contextmanager
def workers() -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each; spawned, as torch doesn't survive a fork."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=spawn, initializer=one_thread) as pool:
        yield pool


def one_thread() -> None:
    """Libraries of this process compute on one core."""
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


_LOADED: list[tuple[VideoBase, Vae]] = []


def through_vae(frames: Pixels) -> Pixels:
    """[T, H, W, 3] as the miniature base gives them back; loads it on the first call."""
    if not _LOADED:
        base = open_base(MINIATURE, Workspace.from_environment().models)
        _LOADED.append((base, base.load_vae("cpu")))
    base, vae = _LOADED[0]
    return base.through_vae(vae, frames)


def plan_of(seed: int, number: int, place: str, colour: str, subject: str, way: str) -> ClipPlan:
    """As the place's footage is planned, but of this subject, colour and way, and alone; subjects
    that the place doesn't know go where its own do."""
    plans = [plan_clip(seed, 100 * number + turn, place, number, alone=1.0) for turn in range(20)]
    plan = next((one for one in plans if one.actors[0].subject == subject), plans[0])
    rng = np.random.default_rng([seed, 6, number])
    actor = plan.actors[0]
    reach = actor.size * HALF_WIDTHS[subject]
    start = float(rng.uniform(reach, reach + 0.4 * (ASPECT - 2 * reach)))
    turned = replace(
        actor,
        subject=subject,
        colour=colour,
        tint=tinted(rng, colour),
        direction=way,
        x=ASPECT - start if way == "left" else start,
    )
    return replace(plan, actors=(turned,))


def compressed(frames: Pixels, crf: int) -> Pixels:
    """Frames as H.264 of this quality gives them back."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=int(FPS), options={"crf": str(crf), "threads": "1"}
        )
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(pictures).astype(np.uint8)


def resized(frames: Pixels, width: int, height: int) -> Pixels:
    """By area down, bilinear up."""
    how = cv2.INTER_AREA if width < frames.shape[2] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(one, (width, height), interpolation=how) for one in frames]).astype(
        np.uint8
    )

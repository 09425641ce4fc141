"""Rendered clips whose truth is known, and processes that make and measure them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import as_runs_do  # noqa: F401  # first
import cv2
import numpy as np

from slora_assets.miniature.scenes.actors import tinted
from slora_assets.miniature.scenes.canvas import ASPECT
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

"""Renders the captioned sample footage that the demo, the tests and a first look start from.

In: a seed and counts. Out: `videodatainfo.json` (MSR-VTT's format) and `videos/video<N>.mp4`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from slora_assets.miniature.scenes.canvas import Canvas, Pixels
from slora_assets.miniature.scenes.generic_footage import swayed
from slora_assets.miniature.scenes.sample_plan import ClipPlan, msr_vtt, plan_footage
from slora_assets.miniature.weights import architecture
from slora_assets.provenance import Json, object_hash, read_json, replacing, sha256_file, write_json

HEIGHT: Final = 480
ANNOTATIONS: Final = "videodatainfo.json"
_FINISHED: Final = "render.json"
"""Written last: the settings and every file's hash; its presence is the commit mark."""
_BEGUN: Final = "render.begun.json"
"""Written first: clips found beside it belong to these settings and need not be redone."""
_WORKERS: Final = 2
ENCODER: Final = {
    "preset": "ultrafast",
    "crf": "24",
    "threads": "1",
    "tune": "fastdecode",
}
"""x264's options. With this preset, which leaves out all that it reckons in floating point (its
macroblock tree above all), its vector code gives the bits of its C code, in half the time."""
_DRAWN_BY: Final = (
    "actors",
    "canvas",
    "figures",
    "generic_footage",
    "looks",
    "other_looks",
    "sample_footage",
)


def render_sample_footage(
    folder: Path,
    seed: int = 0,
    clips_per_scenario: int = 24,
    others: int = 40,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render the footage into `folder` and return the annotation file's path.

    Returns at once when it already stands there; goes on where a killed run stopped. `progress`
    gets (clips done, clips in all).
    """
    plans = plan_footage(seed, clips_per_scenario, others)
    settings: dict[str, Json] = {
        "seed": seed,
        "clips_per_scenario": clips_per_scenario,
        "others": others,
        "content": _content_hash(plans),
    }
    if _finished(folder) == settings:
        return folder / ANNOTATIONS
    _begin(folder, settings)
    paths = {plan.number: folder / "videos" / f"{plan.video_id}.mp4" for plan in plans}
    missing = [plan for plan in plans if not paths[plan.number].is_file()]
    done = len(plans) - len(missing)
    # Threads suffice: drawing, colour conversion and encoding all release the interpreter.
    with ThreadPoolExecutor(_WORKERS) as pool:
        jobs = [pool.submit(_render_clip, plan, seed, paths[plan.number]) for plan in missing]
        try:
            for job in as_completed(jobs):
                job.result()
                done += 1
                if progress is not None:
                    progress(done, len(plans))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    write_json(folder / ANNOTATIONS, msr_vtt(plans))
    names = [ANNOTATIONS, *(f"videos/{path.name}" for path in paths.values())]
    files: dict[str, Json] = {name: sha256_file(folder / name) for name in names}
    write_json(folder / _FINISHED, {"settings": settings, "files": files})
    (folder / _BEGUN).unlink(missing_ok=True)
    return folder / ANNOTATIONS


def render_frame(plan: ClipPlan, background: Canvas, sway: np.ndarray, time_s: float) -> Canvas:
    """One picture of a clip: background, what moves by itself, then actors from far to near."""
    canvas = Canvas(background.height, pixels=swayed(background.pixels, sway, time_s).copy())
    if plan.look.animate is not None:
        plan.look.animate(canvas, time_s)
    for actor in sorted(plan.actors, key=lambda one: one.y + one.size / 2):
        actor.draw(canvas, time_s)
    return canvas


def backdrop(plan: ClipPlan, seed: int, height: int = HEIGHT) -> Canvas:
    """The painted place of a clip's source."""
    canvas = Canvas(height)
    plan.look.paint(canvas, np.random.default_rng([seed, 3, plan.source]))
    return canvas


def camera(plan: ClipPlan, seed: int) -> np.ndarray:
    """How the clip's camera sways; zeros for a fixed one."""
    way = np.random.default_rng([seed, 4, plan.number]).uniform(-1, 1, 4)
    return way * (plan.look.sway / 0.03)


def small_frames(plan: ClipPlan, seed: int, times_s: Sequence[float]) -> Pixels:
    """[F, H, W, 3] pictures of a clip at the miniature's size, drawn without a video file."""
    background, sway = backdrop(plan, seed, 2 * architecture.HEIGHT), camera(plan, seed)
    size = (architecture.WIDTH, architecture.HEIGHT)
    pictures = [
        cv2.resize(
            render_frame(plan, background, sway, time_s).pixels, size, interpolation=cv2.INTER_AREA
        )
        for time_s in times_s
    ]
    return np.stack(pictures).astype(np.uint8)


def _render_clip(plan: ClipPlan, seed: int, path: Path) -> None:
    background, sway = backdrop(plan, seed), camera(plan, seed)
    with (
        replacing(path) as temporary,
        av.open(str(temporary), "w", options={"fflags": "+bitexact"}) as container,
    ):
        stream = container.add_stream("libx264", rate=plan.fps, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = background.width, HEIGHT, "yuv420p"
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        stream.time_base = Fraction(1, plan.fps)
        for number in range(round(plan.duration_s * plan.fps)):
            picture = render_frame(plan, background, sway, number / plan.fps).pixels
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _content_hash(plans: list[ClipPlan]) -> str:
    """Changes with the plans and with the code that draws them."""
    here = Path(__file__).parent
    code: dict[str, Json] = {name: sha256_file(here / f"{name}.py") for name in _DRAWN_BY}
    return object_hash({"plans": [asdict(plan) for plan in plans], "code": code})


def _finished(folder: Path) -> Json:
    """The settings of a complete and undamaged render in `folder`, or None."""
    if not (folder / _FINISHED).is_file():
        return None
    mark = read_json(folder / _FINISHED, remedy="delete it and render again")
    if not isinstance(mark, dict):
        return None
    for name, digest in mark["files"].items():
        file = folder / name
        if not file.is_file():
            return None
        if sha256_file(file) != digest:
            file.unlink()
            return None
    settings: Json = mark["settings"]
    return settings


def _begin(folder: Path, settings: dict[str, Json]) -> None:
    """Clear clips of other settings away and mark the folder as being rendered."""
    for name in (_BEGUN, _FINISHED):
        if (folder / name).is_file():
            mark = read_json(folder / name, remedy="delete it and render again")
            if isinstance(mark, dict) and mark.get("settings") == settings:
                break
    else:
        shutil.rmtree(folder / "videos", ignore_errors=True)
    (folder / _FINISHED).unlink(missing_ok=True)
    write_json(folder / _BEGUN, {"settings": settings})

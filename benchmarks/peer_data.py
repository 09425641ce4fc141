"""The same footage for slora and for diffusers' script: a workspace, and a folder with two lists.

Clips are 9 frames at 8 fps and 480 lines, as long as the base's own, because the script spreads
its frames over a whole video whatever its rate, and slora takes them at the base's rate: only on
such clips do both learn the same pictures. One caption per clip, as the script takes no more.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from slora_assets.config.workspace import Workspace
from slora_assets.footage.encode import write_mp4
from slora_assets.miniature.scenes.sample_footage import (
    ANNOTATIONS,
    HEIGHT,
    backdrop,
    camera,
    render_frame,
)
from slora_assets.miniature.scenes.sample_plan import ClipPlan, msr_vtt, plan_clip
from slora_assets.miniature.weights import architecture
from slora_assets.provenance import write_json, write_text
from slora_assets.provenance.curated import read_metadata

PROJECT = Path(__file__).resolve().parents[1]
SCENARIO = "market_floor"
_SEED = 7
_HELD_OUT_EVERY = 4
"""One source in so many is held out."""

_KEYWORDS = ("market", "bazaar", "vendor", "stall")

_SCENARIOS = f"""\
schema_version: 1
scenarios:
  {SCENARIO}:
    description: a busy market floor with stalls
    keywords: [{", ".join(_KEYWORDS)}]
    min_train_clips: 1
    prompts_per_clip: 1
"""

_DATASET = """\
name: msr-vtt
format: msrvtt
annotations: [data/raw/msr-vtt/videodatainfo.json]
footage: data/raw/msr-vtt/videos
scenarios: scenarios.yaml
licence: Apache-2.0
use: benchmarks
"""

_PROMPTS = f"""\
schema_version: 1
seeds: [1, 2]
scenarios:
  {SCENARIO}:
    prompts: [a red person moving left at the market, a blue cart at the market]
gate:
  guards: {{clip_similarity: {{margin: 0.02, improves: true}}}}
"""


@dataclass(frozen=True)
class Footage:
    """Rendered clips with their annotations."""

    folder: Path
    plans: tuple[ClipPlan, ...]

    def video(self, plan: ClipPlan) -> Path:
        return self.folder / "videos" / f"{plan.video_id}.mp4"

    def lessons(self) -> dict[str, str]:
        """What is to be learnt: a training clip's id to its caption."""
        return {plan.video_id: plan.captions[0] for plan in self.plans if plan.split == "train"}


def render(folder: Path, clips: int) -> Footage:
    """Render `clips` clips of one scenario; three of four sources are for training."""
    plans = tuple(_plan(number) for number in range(clips))
    footage = Footage(folder, plans)
    for plan in plans:
        write_mp4(footage.video(plan), _frames(plan), architecture.FPS)
    write_json(folder / ANNOTATIONS, msr_vtt(plans))
    return footage


def _plan(number: int) -> ClipPlan:
    plan = plan_clip(_SEED, number, SCENARIO, source=number)
    return replace(
        plan,
        start_s=0.0,
        duration_s=architecture.FRAMES / architecture.FPS,
        fps=architecture.FPS,
        captions=(next(c for c in plan.captions if any(word in c for word in _KEYWORDS)),),
        split="validate" if number % _HELD_OUT_EVERY == 0 else "train",
    )


def _frames(plan: ClipPlan) -> np.ndarray:
    background, sway = backdrop(plan, _SEED), camera(plan, _SEED)
    times = [number / architecture.FPS for number in range(architecture.FRAMES)]
    pictures = [render_frame(plan, background, sway, time_s).pixels for time_s in times]
    width = background.width // 2 * 2
    return np.stack([cv2.resize(one, (width, HEIGHT)) for one in pictures]).astype(np.uint8)


def workspace(root: Path, footage: Footage, recipe: str) -> tuple[Workspace, dict[str, str]]:
    """A workspace that has the footage and nothing made of it, and the variables that choose it."""
    configs = root / "configs"
    write_text(configs / "data" / "scenarios.yaml", _SCENARIOS)
    write_text(configs / "data" / "peer.yaml", _DATASET)
    write_text(configs / "training" / "lora_default.yaml", recipe)
    write_text(configs / "training" / "validation_prompts.yaml", _PROMPTS)
    shutil.copytree(PROJECT / "configs" / "model", configs / "model")
    shutil.copy(PROJECT / "dagster.yaml", root)
    shutil.copytree(footage.folder, root / "data" / "raw" / "msr-vtt")
    dataset = configs / "data" / "peer.yaml"
    environment = {
        "SLORA_WORKSPACE": str(root),
        "SLORA_CONFIGS": str(configs),
        "SLORA_DATASET": str(dataset),
        "DAGSTER_HOME": str(root),
        "PYTHONPATH": str(PROJECT),
    }
    return Workspace(root, configs, dataset), environment


def script_folder(folder: Path, footage: Footage) -> Path:
    """The training clips as the script reads them: `videos.txt` and `prompts.txt`, line by line."""
    lessons = footage.lessons()
    videos = [footage.folder / "videos" / f"{name}.mp4" for name in lessons]
    write_text(folder / "videos.txt", "".join(f"{path}\n" for path in videos))
    write_text(folder / "prompts.txt", "".join(f"{caption}\n" for caption in lessons.values()))
    return folder


def check_lessons(workspace: Workspace, footage: Footage) -> None:
    """Raises SystemExit unless curation gives slora what the script gets."""
    clips = read_metadata(workspace.scenario_metadata).of_scenario(SCENARIO)
    ours = {clip.id: clip.prompts[0] for clip in clips if clip.split == "train"}
    if ours != footage.lessons() or any(len(clip.prompts) != 1 for clip in clips):
        sys.exit(f"slora would learn from {ours}, the script from {footage.lessons()}")

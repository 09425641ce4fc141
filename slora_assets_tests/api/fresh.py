"""What a new pipeline draws, once per session: what the service and its engine draw is held against
it."""

from __future__ import annotations

from functools import cache
from typing import Final

from slora_assets.base_models.seam import VideoBase
from slora_assets.config.workspace import Workspace
from slora_assets.documents import ADAPTER_FILE

PROMPT: Final = "a red cart moves to the left"
GUIDANCE: Final = 4.0
STEPS: Final = 1
DRAWN: Final = (
    (None, 0.0),
    ("market_floor", 0.85),
    ("kitchen", 1.3),
    ("kitchen", 0.85),
    ("street", 1.0),
)
"""The base, and three adapters of different ranks and layers, one of them at two strengths."""


@cache
def fresh(base: VideoBase, workspace: Workspace, scenario: str | None, scale: float) -> bytes:
    """The frames of the scenario's adapter at this strength, or of the base alone."""
    pipeline = base.pipeline("cpu", "float32")
    if scenario is not None:
        folder = workspace.scenario_run(scenario) / "adapters" / "epoch_2"
        base.load_adapter(pipeline, folder / ADAPTER_FILE, "fresh", scale)
    frames = base.generate(pipeline, prompt=PROMPT, seed=0, steps=STEPS, guidance_scale=GUIDANCE)
    return frames.tobytes()

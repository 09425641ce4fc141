"""What a clip costs, estimated before its job is accepted."""

from __future__ import annotations

from api.errors import OutOfMemory, TooCostly
from api.generator.engine import Engine
from api.generator.memory import available_bytes, needed_bytes
from slora_assets.base_models.seam import VideoBase
from slora_assets.documents import Limits


def refuse_unaffordable(
    engine: Engine, base: VideoBase, steps: int, limits: Limits, busy: bool
) -> None:
    """Raise TooCostly for a clip beyond `limits.max_cost`, OutOfMemory where it can't fit.

    While another is made its memory isn't free, and will be: all clips of a base are of one size,
    so that what holds one holds the next.
    """
    g = base.geometry
    cost = g.frames * g.height * g.width * steps / 1e6
    if cost > limits.max_cost:
        raise TooCostly(
            f"{g.frames} frames of {g.width}x{g.height} in {steps} steps cost {cost:,.0f} million"
            f" pixel steps; at most {limits.max_cost:,.0f} are allowed. Remedy: ask for fewer"
            " steps, or raise limits.max_cost in optimized_inference.yaml."
        )
    if busy:
        return
    device = engine.device()
    needed, available = needed_bytes(base, device, engine.loaded), available_bytes(device)
    if available is not None and needed > available:
        raise OutOfMemory(needed, available)

"""Loss curves as PNG: training loss per step, held-out loss per epoch."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slora_assets.provenance import write_bytes


def write_curves(path: Path, steps_log: Path, epochs: Sequence[dict[str, Any]]) -> None:
    """Draw both curves; the same logs give the same picture."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    steps = []
    if steps_log.exists():
        steps = [json.loads(line) for line in steps_log.read_text().splitlines()]
    with mpl.rc_context({"svg.hashsalt": "slora"}):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.plot([s["step"] for s in steps], [s["loss"] for s in steps], label="training", lw=1)
        axes.plot(
            [line["step"] for line in epochs],
            [line["held_out_loss"] for line in epochs],
            "o-",
            label="held out",
        )
        axes.set_xlabel("step")
        axes.set_ylabel("denoising loss")
        axes.legend()
        axes.grid(alpha=0.3)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())

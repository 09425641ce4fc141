"""What a reviewer looks at: a contact sheet, base beside adapter, and a report in Markdown."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slora_assets.provenance.files import write_bytes

if TYPE_CHECKING:
    from slora_assets.validation.sampling import Sample
    from slora_assets.validation.stage import RunVerdict

_COLUMNS = 4
_CELL_WIDTH = 144
_LABEL_HEIGHT = 16
_GAP = 6


def contact_sheet(path: Path, base: Sequence[Sample], adapter: Sequence[Sample]) -> None:
    """A PNG: a row a prompt, four frames of the base's clip, then four of the adapter's."""
    from PIL import Image, ImageDraw

    ratio = base[0].frames.shape[1] / base[0].frames.shape[2]
    cell = (_CELL_WIDTH, round(_CELL_WIDTH * ratio))
    row_height = cell[1] + _LABEL_HEIGHT
    half = _COLUMNS * (cell[0] + 2)
    sheet = Image.new("RGB", (2 * half + _GAP, len(base) * row_height), "white")
    draw = ImageDraw.Draw(sheet)
    for row, pair in enumerate(zip(base, adapter, strict=True)):
        for side, (name, sample) in enumerate(zip(("base", "adapter"), pair, strict=True)):
            left, top = side * (half + _GAP), row * row_height
            draw.text((left + 2, top + 2), f"{name}: {sample.prompt.text}"[:90], fill="black")
            for column, index in enumerate(
                np.linspace(0, len(sample.frames) - 1, _COLUMNS).round().astype(int)
            ):
                picture = Image.fromarray(sample.frames[index]).resize(cell)
                sheet.paste(picture, (left + column * (cell[0] + 2), top + _LABEL_HEIGHT))
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())


def score_text(scores: Mapping[str, Any]) -> str:
    """The mean scores of one side, short: CLIP similarity, temporal consistency, motion."""

    def number(key: str) -> str:
        value = scores[key]
        return "null" if value is None else f"{value:.3f}"

    return (
        f"clip {number('clip_similarity')}, temporal {number('temporal_consistency')},"
        f" motion {number('motion_score')}, frozen {scores['frozen_samples']}/{scores['samples']}"
    )


def validation_report(verdict: RunVerdict, sides: Mapping[str, Sequence[Sample]]) -> str:
    """The report of one run's validation."""
    gate = verdict.verdict
    lines = [f"# Validation of {verdict.run}", "", f"**Verdict: {gate.verdict}**", ""]
    lines += [f"- {reason}" for reason in gate.reasons]
    if verdict.scores_note:
        lines += ["", f"> Scores are not quality scores: {verdict.scores_note}."]
    lines += [
        "",
        f"Adapter `{verdict.adapter_sha256}`, base `{verdict.base.name}` revision"
        f" `{verdict.base.revision}`, {gate.n_prompts} prompts.",
        "",
        "| side | scores |",
        "|---|---|",
        f"| base | {score_text(verdict.base_scores)} |",
        f"| adapter | {score_text(verdict.adapter_scores)} |",
        "",
        "| guarded metric | mean change | lower bound | margin | prompts |",
        "|---|---|---|---|---|",
    ]
    for name, metric in gate.metrics.items():
        change = "-" if metric.mean_delta is None else f"{metric.mean_delta:+.4f}"
        lower = "-" if metric.lower is None else f"{metric.lower:+.4f}"
        lines.append(f"| {name} | {change} | {lower} | {metric.margin:g} | {metric.n} |")
    lines += ["", "![base beside adapter](contact_sheet.png)", "", "| prompt | base | adapter |"]
    lines += ["|---|---|---|"]
    for base, adapter in zip(sides["base"], sides["adapter"], strict=True):
        lines.append(f"| {base.prompt.text} | {_row(base)} | {_row(adapter)} |")
    return "\n".join(lines) + "\n"


def _row(sample: Sample) -> str:
    temporal = sample.temporal.temporal_consistency
    shown = "frozen" if temporal is None else f"{temporal:.3f}"
    return f"clip {sample.clip_similarity:.3f}, temporal {shown}"

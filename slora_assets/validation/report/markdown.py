"""The report of a run's validation, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slora_assets.documents import RunVerdict
from slora_assets.provenance.markdown import markdown_cell

if TYPE_CHECKING:
    from slora_assets.validation.sampling import Sample


def score_text(scores: Mapping[str, float | int | None]) -> str:
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
    gate = verdict.gate
    lines = [f"# Validation of {verdict.run}", "", f"**Verdict: {gate.answer}**", ""]
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
        lines.append(f"| {markdown_cell(base.prompt.text)} | {_row(base)} | {_row(adapter)} |")
    return "\n".join(lines) + "\n"


def _row(sample: Sample) -> str:
    temporal = sample.temporal.temporal_consistency
    shown = "frozen" if temporal is None else f"{temporal:.3f}"
    return f"clip {sample.clip_similarity:.3f}, temporal {shown}"

"""The report of a run's validation, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slora_assets.documents import HeldOut, RunVerdict
from slora_assets.provenance.markdown import markdown_cell
from slora_assets.validation.metrics.naming import guarded_ways, in_order, metric_of

if TYPE_CHECKING:
    from slora_assets.validation.sampling import Sample


def score_text(scores: Mapping[str, float | int | None]) -> str:
    """The mean scores of one side, short: CLIP similarity, temporal consistency, speed."""

    def number(key: str) -> str:
        value = scores.get(key)
        return "null" if value is None else f"{value:.3f}"

    told = (
        f"clip {number('clip_similarity')}, temporal {number('temporal_consistency')},"
        f" motion {number('motion_speed')}"
    )
    if "frozen_samples" not in scores:  # footage isn't sampled
        return told
    return f"{told}, frozen {scores['frozen_samples']}/{scores['samples']}"


def validation_report(verdict: RunVerdict, sides: Mapping[str, Sequence[Sample]]) -> str:
    """The report of one run's validation."""
    gate = verdict.gate
    lines = [f"# Validation of {verdict.run}", "", f"**Verdict: {gate.answer}**", ""]
    lines += [f"- {reason}" for reason in gate.reasons]
    if verdict.scores_note:
        lines += ["", f"> Scores are not quality scores: {verdict.scores_note}."]
    served = verdict.served
    lines += [
        "",
        f"Adapter `{verdict.adapter_sha256}` at strength {served.scale:g}, {served.steps} steps and"
        f" guidance {served.guidance_scale:g}, base `{verdict.base.name}` revision"
        f" `{verdict.base.revision}`, {gate.n_clips} distinct clips of each side, held against"
        f" {gate.footage_clips} clips of footage that went through the base's VAE.",
        "",
        *_duplicates(gate.duplicates),
        *_means(verdict),
        "",
        "| guarded metric | held against | mean difference | lower bound | may lie | clips |"
        " better than the base | passes though just too bad | passes if as good |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, metric in gate.metrics.items():
        lines.append(
            f"| {name} | {metric.yardstick} | {_signed(metric.mean_delta)} |"
            f" {_signed(metric.lower)} | above {metric.limit:g} | {metric.n} |"
            f" {'shown' if metric.improved else '-'} | {_share(metric.false_pass)} |"
            f" {_share(metric.power)} |"
        )
    lines += ["", *_held_out(gate.held_out), *_elsewhere(verdict), *_copies(verdict)]
    lines += ["![base beside adapter](contact_sheet.png)", "", "| prompt | base | adapter |"]
    lines += ["|---|---|---|"]
    for base, adapter in zip(sides["base"], sides["adapter"], strict=True):
        lines.append(f"| {markdown_cell(base.prompt.text)} | {_row(base)} | {_row(adapter)} |")
    return "\n".join(lines) + "\n"


def _duplicates(duplicates: Mapping[str, Sequence[str]]) -> list[str]:
    if not duplicates:
        return []
    found = "; ".join(f"{first}: {', '.join(others)}" for first, others in duplicates.items())
    return [f"Clips that are nearly the same count as one: {found}.", ""]


def _means(verdict: RunVerdict) -> list[str]:
    """Base, adapter and footage beside each other, metric by metric."""
    lines = [
        "| mean of | base | adapter | footage | unit | better |",
        "|---|---|---|---|---|---|",
    ]
    ways = guarded_ways(verdict)
    for name in sorted(verdict.base_scores, key=in_order):
        scores = (verdict.base_scores, verdict.adapter_scores, verdict.footage_scores)
        values = (side.get(name) for side in scores)
        shown = ("-" if value is None else f"{value:.4g}" for value in values)
        metric = metric_of(name, ways.get(name))
        lines.append(f"| {name} | {' | '.join(shown)} | {metric.unit} | {metric.better} |")
    return lines


def _held_out(found: HeldOut | None) -> list[str]:
    if found is None:
        return []
    return [
        f"Loss of {found.clips} held-out clips: {found.base:.4f} without the adapter,"
        f" {found.adapter:.4f} with it.",
        "",
    ]


def _elsewhere(verdict: RunVerdict) -> list[str]:
    """What became of other prompts."""
    if not verdict.elsewhere:
        return []
    lines = [
        "| CLIP similarity on prompts of | base | adapter | mean difference | clips |",
        "|---|---|---|---|---|",
    ]
    for row in verdict.elsewhere:
        bounds = "" if row.lower is None else f" ({_signed(row.lower)} to {_signed(row.upper)})"
        lines.append(
            f"| {markdown_cell(row.asked)} | {_plain(row.base)} | {_plain(row.adapter)} |"
            f" {_signed(row.mean_delta)}{bounds} | {row.n_clips} |"
        )
    return [*lines, ""]


def _copies(verdict: RunVerdict) -> list[str]:
    if verdict.copies is None:
        return []
    found = "none copies" if verdict.copies == 0 else f"{verdict.copies} copy"
    return [
        f"Of {verdict.adapter_scores['samples']} clips {found} a clip that was trained on"
        " (`nearest.json`).",
        "",
    ]


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _row(sample: Sample) -> str:
    temporal = sample.temporal.temporal_consistency
    shown = "frozen" if temporal is None else f"{temporal:.3f}"
    return f"clip {sample.clip_similarity:.3f}, temporal {shown}"

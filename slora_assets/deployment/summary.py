"""The roll-up of a project: one row per scenario, and where everything is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slora_assets.config.errors import SloraError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import MetadataSummary, RunVerdict
from slora_assets.provenance import read_json, write_json, write_text
from slora_assets.provenance.curated import curated_now
from slora_assets.provenance.records import read_run_record, read_verdict
from slora_assets.validation.question import question_of
from slora_assets.validation.report.markdown import score_text
from slora_assets.validation.standing import why_not_standing

SUMMARY_FILE = "summary.json"
_SIDES = ("base", "adapter", "footage")


def summarise(workspace: Workspace) -> dict[str, Any]:
    """Write `outputs/summary/summary.json` and `.md`; returns the former's content.

    Raises MissingInputError when there is no metadata document.
    """
    document = summary_of(workspace)
    write_json(workspace.summary / SUMMARY_FILE, document)
    write_text(workspace.summary / "summary.md", summary_text(document))
    return document


def summary_of(workspace: Workspace) -> dict[str, Any]:
    """What runs and verdicts say now; a scenario without a verdict has a row that says why."""
    metadata = curated_now(workspace).summary
    rows = {name: _row(workspace, name, metadata) for name in [*metadata.scenarios, UNIFIED]}
    return {
        "schema_version": 1,
        "dataset": metadata.dataset.model_dump(mode="json"),
        "dataset_hash": metadata.dataset_hash,
        "rows": rows,
    }


def outdated_rows(workspace: Workspace) -> list[str]:
    """Rows of the written summary that no longer say what runs and verdicts say.

    Raises MissingInputError when there is no summary or no metadata document.
    """
    written = read_json(workspace.summary / SUMMARY_FILE, remedy="run `make summary`")
    assert isinstance(written, dict)
    now, before = summary_of(workspace)["rows"], written["rows"]
    return sorted(n for n in now.keys() | before.keys() if now.get(n) != before.get(n))


def _row(workspace: Workspace, name: str, metadata: MetadataSummary) -> dict[str, Any]:
    entry = metadata.scenarios.get(name)
    if entry is not None and entry.shortfall:
        state = "retired" if entry.retired else "too few clips"
        return {"state": state, "detail": entry.shortfall}
    run = workspace.unified_run if name == UNIFIED else workspace.scenario_run(name)
    try:
        record = read_run_record(run)
    except SloraError as error:
        return {"state": "not trained", "detail": error.what}
    trained: dict[str, Any] = {
        "run": workspace.relative(run),
        "adapter": workspace.relative(run / record.best.path),
        "adapter_sha256": record.best.sha256,
        "metrics": workspace.relative(run / "validation_metrics.jsonl"),
        "samples": workspace.relative(run / f"sample_epoch_{record.best.epoch}"),
        "config_hash": record.config_hash,
        "dataset_hash": record.dataset_hash,
        "scores_note": record.scores_note,
    }
    try:
        verdict = read_verdict(workspace, name)
    except SloraError as error:
        return trained | {"state": "not validated", "detail": error.what}
    if verdict.adapter_sha256 != record.best.sha256:
        return trained | {"state": "not validated", "detail": "the verdict is of another adapter"}
    return trained | {
        **_judged(workspace, run, verdict),
        "base_scores": verdict.base_scores,
        "adapter_scores": verdict.adapter_scores,
        "footage_scores": verdict.footage_scores,
        "report": workspace.relative(workspace.validation(name) / "report.md"),
    }


def _judged(workspace: Workspace, run: Path, verdict: RunVerdict) -> dict[str, str]:
    """What a verdict says, or why it can't be taken for what a validation would say now."""
    try:
        settings = read_validation_prompts(workspace.validation_prompts)
        outdated = why_not_standing(workspace, verdict, question_of(workspace, run, settings))
    except SloraError as error:
        why = f"whether the verdict, {verdict.gate.answer}, still stands can't be told: "
        return {"state": "out of date", "detail": why + error.pathless}
    if outdated:
        why = f"the verdict, {verdict.gate.answer}, no longer stands: {'; '.join(outdated)}"
        return {"state": "out of date", "detail": f"{why}; run `make validate`"}
    return {"state": verdict.gate.answer, "detail": " ".join(verdict.gate.reasons)}


def summary_text(document: dict[str, Any]) -> str:
    """The summary as Markdown."""
    dataset = document["dataset"]
    lines = [
        f"# Summary of {dataset['name']}",
        "",
        f"Licence: {dataset['licence']}. Use: {dataset['use']}. Dataset hash"
        f" `{document['dataset_hash']}`.",
        "",
        "Means, of which higher is better: CLIP similarity (cosine), temporal consistency (0 to 1),"
        " motion speed (shorter sides per second); then how many clips stand still. The footage"
        " went through the base's VAE: what a perfect adapter would score.",
        "",
        "| run | verdict | base | adapter | footage | report |",
        "|---|---|---|---|---|---|",
    ]
    notes = set()
    for name, row in document["rows"].items():
        sides = (row.get(f"{side}_scores") for side in _SIDES)
        scores = " | ".join(score_text(side) if side else "-" for side in sides)
        lines.append(f"| {name} | {row['state']} | {scores} | {row.get('report', '-')} |")
        if row.get("scores_note"):
            notes.add(row["scores_note"])
    lines += [f"\n> Scores are not quality scores: {note}." for note in sorted(notes)]
    lines += ["", "| run | why |", "|---|---|"]
    lines += [f"| {name} | {row['detail']} |" for name, row in document["rows"].items()]
    return "\n".join(lines) + "\n"


def summary_lines(document: dict[str, Any]) -> list[str]:
    """What a person wants to see at the end: one line per run, then where things are."""
    lines = []
    for name, row in document["rows"].items():
        if "base_scores" in row:
            sides = (f"{s}: {score_text(row[f'{s}_scores'])}" for s in _SIDES if row[f"{s}_scores"])
            lines.append(f"{name:<14} {' | '.join(sides)} | {row['state'].upper()}")
        else:
            lines.append(f"{name:<14} {row['state'].upper()}: {row['detail']}")
    notes = {row["scores_note"] for row in document["rows"].values() if row.get("scores_note")}
    lines += [f"Not quality scores: {note}." for note in sorted(notes)]
    return lines

"""`outputs/reports/<run>.html`: all that is known of a judged run, as one file for people."""

from __future__ import annotations

from pathlib import Path

from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.provenance import write_text
from slora_assets.reports import sections
from slora_assets.reports.answer import WORDS, headline, next_steps
from slora_assets.reports.charts.differences_chart import differences_chart
from slora_assets.reports.charts.marks import Chart
from slora_assets.reports.charts.sweep_charts import by_speed, sweep_charts
from slora_assets.reports.charts.training_charts import training_charts
from slora_assets.reports.clip_cards import clip_cards
from slora_assets.reports.differences import clip_differences
from slora_assets.reports.evidence import Evidence, read_evidence
from slora_assets.reports.metrics import guard_rows, mean_rows, plain
from slora_assets.reports.rendering import page, within_limit


def write_run_report(workspace: Workspace, run_folder: Path, prompts: ValidationPrompts) -> Path:
    """Write the page of a run from what its stages left; returns its path. The same documents give
    the same bytes.

    Raises MissingInputError, IntegrityError when there is no run or no verdict.
    """
    evidence = read_evidence(workspace, run_folder, prompts)
    path = workspace.report(evidence.run)
    write_text(path, run_page(workspace, evidence))
    return path


def run_page(workspace: Workspace, evidence: Evidence) -> str:
    """The page, within the limit of `rendering` by as many clips as fit."""
    shown = _shown(workspace, evidence)
    return within_limit(lambda room: page("run.html", cards=clip_cards(evidence, room), **shown))


def difference_charts(evidence: Evidence) -> list[Chart]:
    """How paired differences lie, a chart per guarded metric."""
    charts = []
    for row in guard_rows(evidence.verdict, evidence.gate):
        guard = evidence.gate.guards.get(row.name)
        if guard is not None:
            found = clip_differences(row.name, guard, evidence.pairs, evidence.footage)
            charts.append(differences_chart(row, found))
    return charts


def _shown(workspace: Workspace, evidence: Evidence) -> dict[str, object]:
    """All but the clips."""
    verdict, record, sweep = evidence.verdict, evidence.record, evidence.sweep
    served = evidence.preset.scale if evidence.preset is not None else None
    return {
        "evidence": evidence,
        "verdict": verdict,
        "word": WORDS[verdict.gate.answer],
        "headline": headline(evidence),
        "steps": next_steps(evidence),
        "reasons": [plain(reason) for reason in verdict.gate.reasons],
        "means": mean_rows(verdict),
        "guards": guard_rows(verdict, evidence.gate),
        "trained_footage": sum(clip.split == "train" for clip in evidence.footage),
        "differences": difference_charts(evidence),
        "sweeps": [
            (speed, scales, sweep_charts(scales, served))
            for speed, scales in (by_speed(sweep) if sweep is not None else {}).items()
        ],
        "training": training_charts(evidence.epochs, evidence.steps, record.best.epoch),
        "epochs": sections.epoch_rows(evidence),
        "nearest": sections.nearest(workspace, evidence),
        "people": sections.people(evidence),
        "origin": sections.origin(evidence),
        "trained_clips": sections.trained_clips(evidence),
        "gate_settings": sections.settings(
            {"seeds": list(evidence.seeds)} | evidence.gate.model_dump(mode="json")
        ),
        "recipe": sections.settings(evidence.recipe),
    }

"""`outputs/reports/index.html`: all scenarios and the unified run on one page, with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slora_assets.config.errors import SloraError
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.deployment.summary import summary_of
from slora_assets.documents import Answer
from slora_assets.provenance import write_text
from slora_assets.reports.answer import Step, headline, next_steps
from slora_assets.reports.clip_cards import typical_pair
from slora_assets.reports.clips import fitting
from slora_assets.reports.evidence import Evidence, read_evidence
from slora_assets.reports.metrics import MeanRow, mean_rows
from slora_assets.reports.rendering import page, within_limit
from slora_assets.validation.metrics.naming import metric_of

_HEADLINE_NUMBERS: Final = ("clip_similarity", "temporal_consistency", "motion_speed")
_NOT_JUDGED: Final = {
    "not trained": Step("Train it:", "make train-scenarios"),
    "not validated": Step("Judge it:", "make validate"),
    "too few clips": Step("Add footage, or widen its keywords, and sort again:", "make data"),
    "retired": Step("Nothing: it is retired."),
}
"""What to do about a run without a verdict, by its state in the summary."""


@dataclass(frozen=True)
class Row:
    """A scenario, or the unified run."""

    name: str
    state: str
    answer: Answer | None
    said: str
    """The verdict in one sentence, or why there is none."""
    promoted: str
    numbers: list[MeanRow]
    steps: list[Step]
    link: str | None
    """The run's page, relative to this one; None where there is none yet."""


def write_project_report(workspace: Workspace, prompts: ValidationPrompts) -> Path:
    """Write the project's page; returns its path. The same documents give the same bytes.

    Raises MissingInputError, IntegrityError when there is no metadata document.
    """
    path = workspace.project_report
    write_text(path, project_page(workspace, prompts))
    return path


def project_page(workspace: Workspace, prompts: ValidationPrompts) -> str:
    """The page, within the limit of `rendering` by smaller clips."""
    summary = summary_of(workspace)
    judged = _evidence(workspace, prompts, summary)
    rows = _rows(workspace, judged, summary)
    found = {name: typical_pair(one) for name, one in judged.items()}
    pairs = {name: pair for name, pair in found.items() if {"base", "adapter"} <= pair.keys()}
    shown: Mapping[str, Any] = {
        "rows": rows,
        "dataset": summary["dataset"],
        "headline_metrics": {name: metric_of(name) for name in _HEADLINE_NUMBERS},
    }

    def made(room: int) -> str:
        shelf = fitting([*pairs.values()], room, len(pairs))
        clips = dict(zip(pairs, shelf.groups, strict=False))
        return page("project.html", clips=clips, width=shelf.width, **shown)

    return within_limit(made)


def project_rows(workspace: Workspace, prompts: ValidationPrompts) -> list[Row]:
    """What the page says of each run. Raises as `write_project_report` does."""
    summary = summary_of(workspace)
    return _rows(workspace, _evidence(workspace, prompts, summary), summary)


def _evidence(
    workspace: Workspace, prompts: ValidationPrompts, summary: Mapping[str, Any]
) -> dict[str, Evidence]:
    """Of the runs that are judged."""
    found = {}
    for name in summary["rows"]:
        with suppress(SloraError):
            run = workspace.run_of(None if name == UNIFIED else name)
            found[name] = read_evidence(workspace, run, prompts)
    return found


def _rows(
    workspace: Workspace, judged: Mapping[str, Evidence], summary: Mapping[str, Any]
) -> list[Row]:
    return [
        _judged(workspace, name, judged[name]) if name in judged else _unjudged(name, row)
        for name, row in summary["rows"].items()
    ]


def _unjudged(name: str, found: Mapping[str, Any]) -> Row:
    step = _NOT_JUDGED.get(found["state"], _NOT_JUDGED["not validated"])
    if name == UNIFIED and found["state"] == "not trained":
        step = Step("Train it:", "make train")
    said = found["state"].capitalize()
    if found["state"] in ("too few clips", "retired"):
        said += f": {found['detail']}"
    return Row(name, found["state"], None, f"{said.rstrip('.')}.", "", [], [step], None)


def _judged(workspace: Workspace, name: str, evidence: Evidence) -> Row:
    means = {row.name: row for row in mean_rows(evidence.verdict)}
    link = workspace.report(name)
    return Row(
        name=name,
        state=evidence.verdict.gate.answer if evidence.stands else "out of date",
        answer=evidence.verdict.gate.answer,
        said=headline(evidence),
        promoted=_promoted(evidence),
        numbers=[means[key] for key in _HEADLINE_NUMBERS if key in means],
        steps=next_steps(evidence),
        link=link.name if link.is_file() else None,
    )


def _promoted(evidence: Evidence) -> str:
    if evidence.unified:
        return "no preset serves it"
    if evidence.promoted:
        return "promoted"
    other = evidence.preset is not None and evidence.preset.sha256 is not None
    return "another adapter is promoted" if other else "not promoted"

"""All pages of a workspace, as `slora report` writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.reports.project_report import write_project_report
from slora_assets.reports.run_report import write_run_report
from slora_assets.validation.preferences.samples import judged_runs


def write_reports(workspace: Workspace, runs: Sequence[str] | None = None) -> Iterator[Path]:
    """Write the pages of these runs, or of all with a verdict, then the project's; yields each
    path once it is written. Raises ConfigError, MissingInputError, IntegrityError."""
    prompts = read_validation_prompts(workspace.validation_prompts)
    for run in runs or judged_runs(workspace):
        folder = workspace.run_of(None if run == UNIFIED else run)
        yield write_run_report(workspace, folder, prompts)
    yield write_project_report(workspace, prompts)

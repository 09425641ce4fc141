"""Dagster's view of the pages for people: a file per judged run, and the project's."""

from pathlib import Path

import dagster as dg

from slora_assets.config.workspace import UNIFIED
from slora_assets.defs import groups
from slora_assets.defs.media import CHARTS_LIMIT, drawings
from slora_assets.defs.metadata import (
    ON_CHANGED_INPUT_OF_ANY,
    ON_CHANGED_INPUTS,
    Value,
    on_changed_inputs,
    scenario_of,
    standing_at,
)
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.tables import epoch_table, guarded_table
from slora_assets.provenance import sha256_file

_VERSION = "1"


@dg.asset(
    group_name=groups.VALIDATION,
    kinds={"report"},
    owners=groups.TRAINING_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.reports),
    code_version=_VERSION,
    partitions_def=SCENARIOS,
    deps=["scenario_validation", "scale_sweep"],
    automation_condition=on_changed_inputs("scale_sweep"),
)
def scenario_report(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """All that is known of a scenario's adapter as one HTML file: verdict, clips, metrics,
    training, and what it was made of.

    How to read it: `docs/howto/reading_a_verdict.md`.
    """
    return _report(context, project, project.workspace().scenario_run(scenario_of(context)))


@dg.asset(
    group_name=groups.VALIDATION,
    kinds={"report"},
    owners=groups.TRAINING_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.report(UNIFIED)),
    code_version=_VERSION,
    deps=["unified_validation"],
    automation_condition=ON_CHANGED_INPUTS,
)
def unified_report(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """All that is known of the unified adapter as one HTML file.

    How to read it: `docs/howto/reading_a_verdict.md`.
    """
    return _report(context, project, project.workspace().unified_run)


@dg.asset(
    group_name=groups.SERVED,
    kinds={"report"},
    owners=groups.RELEASE_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.project_report),
    code_version=_VERSION,
    deps=["project_summary", "inference_presets", "scenario_report", "unified_report"],
    automation_condition=ON_CHANGED_INPUT_OF_ANY,
)
def project_report(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """All scenarios and the unified run on one HTML page: verdict, what is promoted, what to do, a
    clip of each side, and links to the runs' pages.

    How to read it: `docs/howto/reading_a_verdict.md`.
    """
    from slora_assets.reports.project_report import project_rows, write_project_report

    path = write_project_report(project.workspace(), project.prompts())
    rows = project_rows(project.workspace(), project.prompts())
    told = "\n".join(f"- **{row.name}**: {row.said} {row.promoted}".rstrip() for row in rows)
    return _written(context, path, {"runs": dg.MetadataValue.md(told)})


def _report(
    context: dg.AssetExecutionContext, project: ProjectResource, run: Path
) -> dg.MaterializeResult[None]:
    from slora_assets.reports.answer import headline, next_steps
    from slora_assets.reports.evidence import read_evidence
    from slora_assets.reports.rendering import chart_svg
    from slora_assets.reports.run_report import difference_charts, write_run_report

    path = write_run_report(project.workspace(), run, project.prompts())
    evidence = read_evidence(project.workspace(), run, project.prompts())
    steps = "\n".join(
        f"- {step.text}" + (f" `{step.command}`" if step.command else "")
        for step in next_steps(evidence)
    )
    charts = {chart.title: chart_svg(chart) for chart in difference_charts(evidence)}
    parts: dict[str, Value] = {
        "verdict": headline(evidence),
        "what to do": dg.MetadataValue.md(steps),
        "guarded": guarded_table(evidence.verdict),
        "epochs": epoch_table(evidence.epochs),
    }
    if charts:
        parts["differences"] = drawings(charts, CHARTS_LIMIT)
    return _written(context, path, parts)


def _written(
    context: dg.AssetExecutionContext, path: Path, parts: dict[str, Value]
) -> dg.MaterializeResult[None]:
    context.log.info(f"{path}: {path.stat().st_size} bytes")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256_file(path)),
        metadata={
            "page": dg.MetadataValue.path(path),
            "bytes": path.stat().st_size,
            **parts,
        },
    )

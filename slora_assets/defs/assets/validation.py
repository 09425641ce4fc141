"""Dagster's view of validation: each run's verdict, with the pictures it rests on."""

from pathlib import Path
from typing import Any

import dagster as dg

from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.defs import groups
from slora_assets.defs.compute import ComputeResource
from slora_assets.defs.configuration import read_by
from slora_assets.defs.media import (
    SHEET_LIMIT,
    STRIP_LIMIT,
    moving_pictures,
    picture,
    strip,
    top_rows,
)
from slora_assets.defs.metadata import PARTITION_ROWS, ROWS, base_entries, scenario_of, standing_at
from slora_assets.defs.origin import on_record
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.tables import columns_of, guarded_table, sweep_table
from slora_assets.documents import DEFAULT_SPEED, VERDICT_FILE, PromptPair, RunVerdict
from slora_assets.provenance import sha256_file
from slora_assets.provenance.records import read_run_record, read_verdict
from slora_assets.validation.question import clips_of
from slora_assets.validation.standing import standing_verdict
from slora_assets.validation.swept import complete_sweep, read_sweep
from slora_assets.validation.versions import JUDGED_BY

_PAIRS = columns_of(PromptPair)


@dg.asset(
    group_name=groups.VALIDATION,
    kinds={"report"},
    owners=groups.TRAINING_TEAM,
    tags=groups.ACCELERATOR,
    metadata=standing_at(lambda workspace: workspace.validation("any").parent, _PAIRS),
    code_version=JUDGED_BY,
    partitions_def=SCENARIOS,
    deps=["scenario_adapter", "prompt_embeddings", "first_frames", "gate_settings"],
    pool=groups.POOL,
)
def scenario_validation(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """The gate's verdict on a scenario's best adapter, base and adapter on equal terms.

    How to read it: `docs/howto/reading_a_verdict.md`. Beside the clips it shows first frames of the
    footage, for a person to judge by; the verdict itself doesn't depend on them.
    """
    folder = project.workspace().scenario_run(scenario_of(context))
    return _validate(context, project, compute, folder, PARTITION_ROWS)


@dg.asset(
    group_name=groups.VALIDATION,
    kinds={"report"},
    owners=groups.TRAINING_TEAM,
    tags=groups.ACCELERATOR,
    metadata=standing_at(lambda workspace: workspace.validation(UNIFIED), _PAIRS),
    code_version=JUDGED_BY,
    deps=["unified_adapter", "prompt_embeddings", "first_frames", "unified_gate_settings"],
    pool=groups.POOL,
)
def unified_validation(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """The gate's verdict on the unified adapter, over prompts of all its scenarios.

    How to read it: `docs/howto/reading_a_verdict.md`. Beside the clips it shows first frames of the
    footage, for a person to judge by; the verdict itself doesn't depend on them.
    """
    return _validate(context, project, compute, project.workspace().unified_run, ROWS)


@dg.asset(
    group_name=groups.VALIDATION,
    kinds={"report"},
    owners=groups.TRAINING_TEAM,
    tags=groups.ACCELERATOR,
    metadata=standing_at(lambda workspace: workspace.sweep("any").parent.parent),
    code_version=JUDGED_BY,
    partitions_def=SCENARIOS,
    deps=["scenario_validation", "sweep_settings"],
    pool=groups.POOL,
)
def scale_sweep(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """The gate's answers about a scenario's adapter at several strengths: promotion chooses among
    those that pass, and requests may go no farther.

    How to read it: `docs/howto/reading_a_verdict.md`.
    """
    workspace = project.workspace()
    run = workspace.scenario_run(scenario_of(context))
    read = read_by(context, project, "sweep_settings")
    sweep = complete_sweep(workspace, run, project.prompts())
    hit = sweep is not None
    if sweep is None:
        compute.run(context, "slora_assets.validation.command", ["--run", str(run), "--sweep"])
        sweep = read_sweep(workspace, run.name)
    passing = [
        f"{row.scale:g}" if row.speed == DEFAULT_SPEED else f"{row.scale:g} ({row.speed})"
        for row in sweep.scales
        if row.answer == "pass"
    ]
    context.log.info(f"{sweep.run}: passes at {', '.join(passing) or 'no strength'}")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256_file(workspace.sweep(sweep.run))),
        tags=read,
        metadata={
            "passes at": ", ".join(passing) or "no strength",
            "plot": picture(
                workspace.sweep(run.name).with_suffix(".png"), "metrics over strength", SHEET_LIMIT
            ),
            "strengths": sweep_table(sweep),
            "file": dg.MetadataValue.path(workspace.sweep(run.name)),
            **on_record(workspace, workspace.sweep(run.name)),
            PARTITION_ROWS: len(sweep.scales),
            "cache": "hit" if hit else "miss",
        },
    )


def _validate(
    context: dg.AssetExecutionContext,
    project: ProjectResource,
    compute: ComputeResource,
    run: Path,
    rows: str,
) -> dg.MaterializeResult[None]:
    settings = "gate_settings" if rows == PARTITION_ROWS else "unified_gate_settings"
    read = read_by(context, project, settings)
    workspace = project.workspace()
    verdict = standing_verdict(workspace, run, project.prompts())
    hit = verdict is not None
    if verdict is None:
        compute.run(context, "slora_assets.validation.command", ["--run", str(run)])
        verdict = read_verdict(workspace, run.name)
    context.log.info(f"{verdict.run}: {verdict.gate.answer}")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256_file(workspace.validation(run.name) / VERDICT_FILE)),
        tags=read,
        metadata={
            **_answer(verdict),
            **_pictures(workspace, verdict),
            **_footage(workspace, run),
            **_scores(verdict),
            **on_record(workspace, workspace.validation(verdict.run) / VERDICT_FILE),
            rows: verdict.adapter_scores["samples"],
            "cache": "hit" if hit else "miss",
        },
    )


def _answer(verdict: RunVerdict) -> dict[str, Any]:
    """What the gate says, and why. It comes first: the UI shows metadata in their order."""
    return {
        "verdict": verdict.gate.answer,
        "reasons": dg.MetadataValue.md("\n".join(f"- {r}" for r in verdict.gate.reasons)),
        "guarded": guarded_table(verdict),
    }


def _scores(verdict: RunVerdict) -> dict[str, Any]:
    """What was measured, on which adapter of which base."""
    scores = {
        f"{side}_{name}": value
        for side, found in (
            ("base", verdict.base_scores),
            ("adapter", verdict.adapter_scores),
            ("footage", verdict.footage_scores),
        )
        for name, value in found.items()
        if value is not None
    }
    return scores | {
        "scores": verdict.scores_note or "trained base and scorer",
        "adapter_sha256": verdict.adapter_sha256,
        **base_entries(verdict.base),
        "clips": verdict.gate.n_clips,
    }


def _pictures(workspace: Workspace, verdict: RunVerdict) -> dict[str, dg.MetadataValue]:
    """What people look at: small here, whole in the files that are named beside it."""
    folder = workspace.validation(verdict.run)
    sheet, samples = folder / "contact_sheet.png", folder / "samples"
    return {
        "contact sheet": top_rows(sheet, "base beside adapter", SHEET_LIMIT),
        "whole contact sheet": dg.MetadataValue.path(sheet),
        "samples": moving_pictures(sorted((samples / "adapter").glob("*.mp4"))),
        "all samples": dg.MetadataValue.path(samples),
        "report": dg.MetadataValue.path(folder / "report.md"),
    }


def _footage(workspace: Workspace, run: Path) -> dict[str, dg.MetadataValue]:
    """First frames of what the adapter was trained on, those that are there: a person sees beside
    them what it learned. They are no part of the verdict, and none is made here."""
    record = read_run_record(run)
    trained = {clip.id for clip in record.clips if clip.split == "train"}
    clips = [clip for clip in clips_of(workspace, record) if clip.id in trained]
    frames = [workspace.root / clip.first_frame for clip in clips]
    there = [frame for frame in frames if frame.is_file()]
    if not there:
        return {}
    return {
        "footage": strip(there, "first frames of the footage", STRIP_LIMIT),
        "all first frames": dg.MetadataValue.path(there[0].parent),
    }

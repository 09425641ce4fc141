"""Dagster's view of validation: each run's verdict, with the pictures it rests on."""

import sys
from pathlib import Path
from typing import Any

import dagster as dg

from slora_assets.assets_common import moving_pictures, picture
from slora_assets.config.workspace import Workspace
from slora_assets.partitions import SCENARIOS
from slora_assets.resources.compute import ComputeResource
from slora_assets.resources.project import ProjectResource
from slora_assets.validation.stage import RunVerdict, read_verdict, standing_verdict


@dg.asset(
    group_name="validation",
    kinds={"markdown"},
    code_version="1",
    partitions_def=SCENARIOS,
    deps=["scenario_adapter", "prompt_embeddings"],
    pool="gpu",
)
def scenario_validation(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """The gate's verdict on a scenario's best adapter, base and adapter on equal terms."""
    folder = project.workspace().scenario_run(context.partition_key)
    return _validate(context, project, compute, folder)


@dg.asset(
    group_name="validation",
    kinds={"markdown"},
    code_version="1",
    deps=["unified_adapter", "prompt_embeddings"],
    pool="gpu",
)
def unified_validation(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """The gate's verdict on the unified adapter, over prompts of all its scenarios."""
    return _validate(context, project, compute, project.workspace().unified_run)


def _validate(
    context: dg.AssetExecutionContext,
    project: ProjectResource,
    compute: ComputeResource,
    folder: Path,
) -> dg.MaterializeResult[None]:
    workspace = project.workspace()
    verdict = standing_verdict(workspace, folder, project.prompts())
    hit = verdict is not None
    if verdict is None:
        command = [sys.executable, "-m", "slora_assets.validation.command", "--run", str(folder)]
        compute.run(context, command, str(workspace.configs.parent))
        verdict = read_verdict(workspace, folder.name)
    context.log.info(f"{verdict.run}: {verdict.verdict.verdict}")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(verdict.validation_hash),
        metadata=_metadata(workspace, verdict) | {"cache": "hit" if hit else "miss"},
    )


def _metadata(workspace: Workspace, verdict: RunVerdict) -> dict[str, Any]:
    folder = workspace.validation(verdict.run)
    samples = sorted((folder / "samples" / "adapter").glob("*.mp4"))
    scores = {
        f"{side}_{name}": value
        for side, found in (("base", verdict.base_scores), ("adapter", verdict.adapter_scores))
        for name, value in found.items()
        if value is not None
    }
    return scores | {
        "verdict": verdict.verdict.verdict,
        "reasons": dg.MetadataValue.md("\n".join(f"- {r}" for r in verdict.verdict.reasons)),
        "scores": verdict.scores_note or "trained base and scorer",
        "adapter_sha256": verdict.adapter_sha256,
        "prompts": verdict.verdict.n_prompts,
        "contact sheet": picture(folder / "contact_sheet.png", "base beside adapter"),
        "samples": moving_pictures(samples),
        "report": dg.MetadataValue.path(folder / "report.md"),
    }

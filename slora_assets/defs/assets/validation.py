"""Dagster's view of validation: each run's verdict, with the pictures it rests on."""

from pathlib import Path
from typing import Any

import dagster as dg

from slora_assets.config.workspace import Workspace
from slora_assets.defs.compute import ComputeResource
from slora_assets.defs.metadata import moving_pictures, picture
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.documents import RunVerdict
from slora_assets.provenance.records import read_verdict
from slora_assets.validation.standing import standing_verdict


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
        compute.run(context, "slora_assets.validation.command", ["--run", str(folder)])
        verdict = read_verdict(workspace, folder.name)
    context.log.info(f"{verdict.run}: {verdict.gate.answer}")
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
        "verdict": verdict.gate.answer,
        "reasons": dg.MetadataValue.md("\n".join(f"- {r}" for r in verdict.gate.reasons)),
        "scores": verdict.scores_note or "trained base and scorer",
        "adapter_sha256": verdict.adapter_sha256,
        "prompts": verdict.gate.n_prompts,
        "contact sheet": picture(folder / "contact_sheet.png", "base beside adapter"),
        "samples": moving_pictures(samples),
        "report": dg.MetadataValue.path(folder / "report.md"),
    }

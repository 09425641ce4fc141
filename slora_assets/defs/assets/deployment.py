"""Dagster's view of deployment: what is served, changed only by a person, and the roll-up."""

from typing import Literal

import dagster as dg

from slora_assets.defs.metadata import ON_CHANGED_INPUTS
from slora_assets.defs.project import ProjectResource
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import demote, promote
from slora_assets.deployment.summary import summarise, summary_lines, summary_text
from slora_assets.provenance import object_hash, sha256_file


class PresetChange(dg.Config):
    """What to do with the presets. `show` changes nothing; the other two want a person."""

    action: Literal["show", "promote", "demote"] = "show"
    """What to do."""
    scenario: str = ""
    """Whose preset changes."""
    by: str = ""
    """Who decides."""
    reason: str = ""
    """Why."""
    override_inconclusive: bool = False
    """Let an inconclusive verdict through; recorded as such. A failed one never passes."""


@dg.asset(
    group_name="deployment",
    kinds={"yaml"},
    code_version="1",
    deps=["scenario_validation"],
)
def inference_presets(
    context: dg.AssetExecutionContext, config: PresetChange, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """The adapters that may be served. Promotion re-verifies the verdict itself, because a check
    gates only the run it is in."""
    workspace = project.workspace()
    if config.action == "promote":
        promote(workspace, config.scenario, config.by, config.reason, config.override_inconclusive)
    elif config.action == "demote":
        demote(workspace, config.scenario, config.by, config.reason)
    presets = read_presets(workspace.presets)
    promoted = {name: p.sha256 for name, p in presets.presets.items() if p.sha256 is not None}
    context.log.info(f"promoted: {', '.join(promoted) or 'nothing yet'}")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256_file(workspace.presets)),
        metadata={
            "promoted": {name: str(sha256) for name, sha256 in promoted.items()},
            "file": dg.MetadataValue.path(workspace.presets),
        },
    )


@dg.asset(
    group_name="deployment",
    kinds={"markdown"},
    code_version="1",
    deps=["scenario_validation", "unified_validation"],
    automation_condition=ON_CHANGED_INPUTS,
)
def project_summary(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """One row per scenario: scores of base and adapter, verdict, and where the evidence lies."""
    workspace = project.workspace()
    document = summarise(workspace)
    for line in summary_lines(document):
        context.log.info(line)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(object_hash(document)),
        metadata={
            "summary": dg.MetadataValue.md(summary_text(document)),
            "file": dg.MetadataValue.path(workspace.summary / "summary.md"),
        },
    )

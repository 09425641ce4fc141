"""Dagster's view of footage: what is there, and the first frame of each clip."""

import dagster as dg

from slora_assets.assets_common import ON_CHANGED_INPUTS, picture, progress, reject_table
from slora_assets.curation.manifest import scenario_clips
from slora_assets.footage.first_frames import cache_first_frames
from slora_assets.footage.inventory import take_inventory
from slora_assets.partitions import SCENARIOS
from slora_assets.resources.project import ProjectResource


@dg.asset(group_name="data", kinds={"video"}, code_version="1")
def footage(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """The video files and annotations of the active dataset, as found; sample footage is rendered
    when it is not there yet."""
    workspace, (dataset, _) = project.workspace(), project.dataset()
    if dataset.obtain is not None:
        from slora_assets.miniature.sample_footage import render_sample_footage

        render_sample_footage(
            workspace.raw(dataset.name),
            dataset.obtain.seed,
            dataset.obtain.clips_per_scenario,
            dataset.obtain.others,
            progress(context, "clips rendered"),
        )
    inventory = take_inventory(dataset, workspace, progress(context, "files examined"))
    context.log.info(
        f"{dataset.name}: {len(inventory.files)} usable files, {len(inventory.rejects)} unusable"
    )
    return dg.MaterializeResult(
        data_version=dg.DataVersion(inventory.hash()),
        metadata={
            "files": len(inventory.files),
            "bytes": sum(file.bytes_ for file in inventory.files.values()),
            "unusable": len(inventory.rejects),
            "rejects": reject_table([(r.clip_id, r.reason, r.detail) for r in inventory.rejects]),
            "annotations": dict(inventory.annotations),
            "licence": dataset.licence,
            "use": dataset.use,
            "inventory": dg.MetadataValue.path(workspace.metadata / "footage.json"),
        },
    )


@dg.asset(
    group_name="data",
    kinds={"png"},
    code_version="1",
    partitions_def=SCENARIOS,
    deps=["scenario_manifest"],
    automation_condition=ON_CHANGED_INPUTS,
)
def first_frames(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """A 720x480 PNG of each clip's first frame."""
    workspace, scenario = project.workspace(), context.partition_key
    clips, _ = scenario_clips(workspace, scenario)
    result = cache_first_frames(
        clips,
        workspace.root,
        workspace.metadata / "first_frames" / f"{scenario}.json",
        workspace.quarantine,
        progress(context, "first frames"),
    )
    context.log.info(f"first frames: {result.made} made, {result.kept} kept")
    shown = workspace.root / clips[0].first_frame
    return dg.MaterializeResult(
        data_version=dg.DataVersion(result.hash),
        metadata={
            "made": result.made,
            "kept": result.kept,
            "cache": "hit" if result.made == 0 else "miss",
            "quarantined": len(result.quarantined),
            "rejects": reject_table([(r.clip_id, r.reason, r.detail) for r in result.quarantined]),
            "folder": dg.MetadataValue.path(shown.parent),
            **({"example": picture(shown, clips[0].id)} if shown.is_file() else {}),
        },
    )

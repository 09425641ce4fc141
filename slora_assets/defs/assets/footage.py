"""What footage is there; the sample footage is rendered when it is not there yet."""

import dagster as dg

from slora_assets.defs import groups
from slora_assets.defs.configuration import read_by
from slora_assets.defs.metadata import ROWS, log_progress, standing_at
from slora_assets.defs.origin import on_record
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.tables import columns_of, reject_table
from slora_assets.documents import FootageFile
from slora_assets.footage.versions import DECODE_VERSION, QUALITY_VERSION


@dg.asset(
    group_name=groups.DATA,
    kinds={"file"},
    owners=groups.FOOTAGE_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.footage_inventory, columns_of(FootageFile)),
    code_version=f"decode {DECODE_VERSION}, quality {QUALITY_VERSION}",
    deps=["footage_settings"],
)
def footage(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """The video files and annotations of the active dataset, as found; sample footage is rendered
    when it is not there yet.

    What a dataset is and which forms are read: `docs/datasets.md`; own footage:
    `docs/howto/own_footage.md`.
    """
    from slora_assets.footage.inventory import take_inventory
    from slora_assets.provenance.inventories import inventory_hash

    read = read_by(context, project, "footage_settings")
    workspace, (dataset, _) = project.workspace(), project.dataset()
    if dataset.obtain is not None:
        from slora_assets.miniature.scenes.sample_footage import render_sample_footage

        render_sample_footage(
            workspace.raw(dataset.name),
            dataset.obtain.seed,
            dataset.obtain.clips_per_scenario,
            dataset.obtain.others,
            log_progress(context, "clips rendered"),
        )
    inventory = take_inventory(dataset, workspace, log_progress(context, "files examined"))
    context.log.info(
        f"{dataset.name}: {len(inventory.files)} usable files, {len(inventory.rejects)} unusable"
    )
    return dg.MaterializeResult(
        data_version=dg.DataVersion(inventory_hash(inventory)),
        tags=read,
        metadata={
            ROWS: len(inventory.files),
            "files": len(inventory.files),
            "bytes": sum(file.bytes_ for file in inventory.files.values()),
            "unusable": len(inventory.rejects),
            "rejects": reject_table(inventory.rejects),
            "annotations": dict(inventory.annotations),
            "licence": dataset.licence,
            "use": dataset.use,
            "inventory": dg.MetadataValue.path(workspace.footage_inventory),
            **on_record(workspace, workspace.footage_inventory),
        },
    )

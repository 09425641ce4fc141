"""The curation stage: annotations and inventory in; metadata, rejects and a report out."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.dataset_files import annotation_sources, licence_files, split_files
from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.annotations.clip_licences import read_clip_licences
from slora_assets.curation.last_look import last_look, remember_look, settings_hash
from slora_assets.curation.rejects import rejects_folder
from slora_assets.curation.report import Gathered, report
from slora_assets.curation.sorting import Sorter, build_metadata
from slora_assets.curation.told import Counts
from slora_assets.documents import Inventory, ScenarioMetadata
from slora_assets.footage.inventory import annotation_hashes, take_inventory
from slora_assets.provenance import known_sha256, write_json, write_text
from slora_assets.provenance.code import package_hash
from slora_assets.provenance.curated import Curated, curated_now, remove_old_shards
from slora_assets.provenance.inventories import read_inventory
from slora_assets.provenance.ledger import last_record, put_on_record, refuse_changed


def curate(
    dataset: DatasetSettings,
    scenarios: ScenariosSettings,
    inventory: Inventory,
    workspace: Workspace,
) -> Curated:
    """Write `data/metadata/scenario_metadata.json`, the report and all rejects beside it; and the
    clips in shards, where they are more than the dataset's `clips_in_document`.

    Raises IntegrityError for an inventory of other annotations or of another dataset.
    """
    refuse_changed(workspace, workspace.footage_inventory, remedy="run `make data`")
    _check_annotations(dataset, inventory, workspace)
    counts = Counts()
    with rejects_folder(workspace.metadata / "rejects") as write_rejects:
        batches = _annotations(dataset, workspace)
        sorter = Sorter(dataset, scenarios, inventory, workspace, counts)
        for batch in batches:
            write_rejects(sorter.sort(batch))
        metadata, gathered = _document(sorter, dataset, workspace)
    write_json(workspace.scenario_metadata, metadata.model_dump(mode="json"))
    found = Curated(metadata, workspace.metadata)
    write_text(workspace.curation_report, report(found, scenarios, counts, gathered))
    rejects = sorted((workspace.metadata / "rejects").iterdir())
    put_on_record(
        workspace,
        "metadata",
        workspace.scenario_metadata,
        parents=[workspace.footage_inventory],
        files=[workspace.curation_report, *rejects],
    )
    remove_old_shards(workspace)
    remember_look(dataset, scenarios, workspace)
    return found


def _document(
    sorter: Sorter, dataset: DatasetSettings, workspace: Workspace
) -> tuple[ScenarioMetadata, Gathered]:
    """The metadata, with their clips in them if these are few; and what the report says of the
    clips, for which they needn't be read once more."""
    gathered = Gathered()
    if len(sorter.kept) <= dataset.clips_in_document:
        return _with_licences(sorter.metadata(gathered.add), dataset, workspace), gathered
    licences = read_clip_licences(licence_files(dataset, workspace))
    return sorter.in_shards(workspace.metadata, licences, gathered.add), gathered


def curated(
    dataset: DatasetSettings, scenarios: ScenariosSettings, workspace: Workspace
) -> Curated:
    """What `curate` writes of the inventory that was taken last: sorted anew unless the metadata
    that stand were sorted from it, by this code, under these settings. Raises as `curate` does,
    and MissingInputError without an inventory."""
    inventory = read_inventory(workspace)
    if not _stand(dataset, scenarios, workspace):
        return curate(dataset, scenarios, inventory, workspace)
    _check_annotations(dataset, inventory, workspace)
    return curated_now(workspace)


def _stand(dataset: DatasetSettings, scenarios: ScenariosSettings, workspace: Workspace) -> bool:
    """Whether the metadata, and what was written with them, are what their stage left, and would
    be written again of the inventory as it is now."""
    look, record = last_look(workspace), last_record(workspace, workspace.scenario_metadata)
    if look is None or record is None:
        return False
    inventory = workspace.footage_inventory
    made_from = {workspace.relative(inventory): known_sha256(inventory)}
    now = made_from, settings_hash(dataset, scenarios, workspace), package_hash()
    if (record.parents, look.settings, look.code) != now:
        return False
    try:
        refuse_changed(workspace, workspace.scenario_metadata, remedy="run `make data`")
    except IntegrityError:
        return False
    return curated_now(workspace).is_whole()


def preview(
    dataset: DatasetSettings, scenarios: ScenariosSettings, workspace: Workspace
) -> Curated:
    """What `curate` would say of the footage as it stands now, without writing the document.

    New files are hashed and probed once; the inventory keeps that for the run that follows.
    """
    inventory = take_inventory(dataset, workspace)
    batches = _annotations(dataset, workspace)
    metadata = build_metadata(dataset, scenarios, batches, inventory, workspace)
    whole = _with_licences(metadata, dataset, workspace)
    return Curated(whole, workspace.metadata)


def _check_annotations(
    dataset: DatasetSettings, inventory: Inventory, workspace: Workspace
) -> None:
    """What is sorted must be what the inventory vouches for."""
    now = annotation_hashes(dataset, workspace)
    for key, found, expected in (
        ("dataset", inventory.dataset, dataset.name),
        ("annotations", inventory.annotations, now),
    ):
        if found != expected:
            raise IntegrityError(
                "the footage was looked at with other annotations",
                file=workspace.footage_inventory,
                key=key,
                found=found,
                expected=str(expected),
                remedy="run `make data`, or materialize `footage` first",
            )


def _with_licences(
    metadata: ScenarioMetadata, dataset: DatasetSettings, workspace: Workspace
) -> ScenarioMetadata:
    """The document, each clip with the licence that it is listed under, if it is."""
    listed = read_clip_licences(licence_files(dataset, workspace))
    if not listed:
        return metadata
    clips = [clip.model_copy(update={"licence": listed.get(clip.id)}) for clip in metadata.clips]
    return metadata.model_copy(update={"clips": clips})


def _annotations(dataset: DatasetSettings, workspace: Workspace) -> Iterator[pl.DataFrame]:
    sources, splits = annotation_sources(dataset, workspace), split_files(dataset, workspace)
    return read_annotations(dataset, sources, splits)

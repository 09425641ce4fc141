"""Every clip that the workspace knows, with all that it may be asked for by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slora_assets.config.data import DatasetSettings
from slora_assets.config.dataset_files import annotation_sources
from slora_assets.config.errors import MissingInputError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.sources import source_file
from slora_assets.curation.taken_down import Footage, footage_of, own_source
from slora_assets.documents import FootageFile, Inventory
from slora_assets.footage.fingerprints import with_fingerprints
from slora_assets.footage.inventory import take_inventory
from slora_assets.processes.progress import ProgressCallback
from slora_assets.provenance.curated import Curated, curated_now
from slora_assets.provenance.inventories import read_inventory
from slora_assets.storage.footage_copies import is_at_url
from slora_assets.storage.footage_objects import url_of


@dataclass(frozen=True)
class Known:
    """Clips by their name, whether a scenario has them or not, and the files of them."""

    dataset: DatasetSettings
    clips: dict[str, Footage]
    files: dict[str, FootageFile]
    """By the name that holds them: a clip's, or a source's."""
    prompts: dict[str, list[str]]
    """Of clips that a scenario has."""

    def file_of(self, clip: Footage) -> FootageFile | None:
        """The file that holds the clip."""
        if self.dataset.footage_holds == "clips" or clip.source is None:
            return self.files.get(clip.id)
        return self.files.get(source_file(clip.source))


def look_up(
    dataset: DatasetSettings, workspace: Workspace, progress: ProgressCallback | None = None
) -> Known:
    """What annotations, files and metadata say now; each file is looked at for likeness, once."""
    inventory = inventory_now(dataset, workspace)
    files = with_fingerprints(inventory.files, workspace, progress)
    curated = metadata_of(dataset, workspace)
    found, prompts = dict[str, Footage](), dict[str, list[str]]()
    for clip in curated.clips() if curated else ():
        found[clip.id], prompts[clip.id] = footage_of(clip), clip.prompts
    found |= {clip.id: clip for clip in _annotated(dataset, workspace, files)}
    for name, file in files.items() if dataset.footage_holds == "clips" else ():
        known = Footage(name, None, sha256=file.sha256, fingerprint=file.fingerprint)
        found.setdefault(name, known)  # a file that no annotation names
    return Known(dataset, dict(sorted(found.items())), files, prompts)


def inventory_now(dataset: DatasetSettings, workspace: Workspace) -> Inventory:
    """The files as they are, or as they were last seen where they can't be looked at."""
    try:
        return take_inventory(dataset, workspace)
    except SloraError:
        pass
    try:
        return read_inventory(workspace)
    except MissingInputError:
        return Inventory(dataset=dataset.name, annotations={}, files={}, rejects=[])


def metadata_of(dataset: DatasetSettings, workspace: Workspace) -> Curated | None:
    """The metadata, if they are there and of this dataset. Raises IntegrityError."""
    try:
        found = curated_now(workspace)
    except MissingInputError:
        return None
    return found if found.summary.dataset.name == dataset.name else None


def _annotated(
    dataset: DatasetSettings, workspace: Workspace, files: dict[str, FootageFile]
) -> Iterator[Footage]:
    uncut = dataset.footage_holds == "sources"
    for clip_id, group, start, end in _rows(dataset, workspace):
        file = files.get(source_file(group) if uncut else clip_id)
        yield Footage(
            clip_id,
            own_source(clip_id, group),
            start,
            end,
            file.sha256 if file else None,
            (start or 0.0) if uncut else 0.0,
            end if uncut else None,
            file.fingerprint if file else None,
        )


def _rows(
    dataset: DatasetSettings, workspace: Workspace
) -> Iterable[tuple[str, str, float | None, float | None]]:
    try:
        sources = annotation_sources(dataset, workspace)
    except MissingInputError:
        return
    # Lists of splits say nothing of where a clip is from, and may not stand in a takedown's way.
    for batch in read_annotations(dataset, sources, {}):
        sound = batch.filter(batch["fault"].is_null())
        yield from sound.select("id", "source_group", "source_start_s", "source_end_s").iter_rows()


def originals(workspace: Workspace, files: Iterable[FootageFile]) -> list[str]:
    """Where files lie, as people find them: in the workspace, or at their URL."""
    paths = [workspace.root / file.path for file in files]
    return [url_of(path) if is_at_url(path) else workspace.relative(path) for path in paths]

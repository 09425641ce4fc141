"""The takedown itself: the entry first, then everything that follows from the list.

What follows is found anew each time and done again without harm: whatever interrupted it, the same
command goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from slora_assets.caches.shard_erasure import take_out
from slora_assets.config.data import DatasetSettings, ScenariosSettings, read_dataset
from slora_assets.config.errors import CurationError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.curation.stage import curate
from slora_assets.documents import FootageFile, LoggedTakedown
from slora_assets.footage.inventory import take_inventory
from slora_assets.governance.takedown.asked import adds_to, draft, resolve
from slora_assets.governance.takedown.known import Known, look_up, metadata_of
from slora_assets.governance.takedown.traces import Traces
from slora_assets.processes.progress import progress_lines
from slora_assets.provenance import write_json
from slora_assets.provenance.ledger import amend_record, erase_files_from_record
from slora_assets.provenance.takedowns import finish_logging, log_takedown, read_takedowns
from slora_assets.storage.footage_copies import is_at_url


@dataclass(frozen=True)
class TakenOut:
    """What a takedown did."""

    entry: LoggedTakedown | None
    """None where the list said it already."""
    erased: dict[str, list[Path]] = field(default_factory=dict)
    """By kind of file."""
    deleted_footage: list[Path] = field(default_factory=list)
    not_curated: str | None = None
    """Why the clips could not be sorted anew, where they couldn't."""


def take_down(
    workspace: Workspace,
    text: str,
    by: str,
    reason: str,
    *,
    ahead: bool = False,
    delete_footage: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> TakenOut:
    """Take a clip or a source out, for good: note it, sort the clips without it, and erase what it
    has left behind but for the original footage, unless `delete_footage`.

    Raises CurationError for what nothing is called by and for a blank `by` or `reason`,
    IntegrityError for a list that isn't whole.
    """
    by, reason = _signed(by, reason)
    finish_logging(workspace)
    dataset, scenarios = read_dataset(workspace.dataset_file)
    known = look_up(dataset, workspace, progress_lines(say, "files looked at for likeness"))
    before = read_takedowns(workspace)
    asked = resolve(text, known, workspace, before, ahead)
    entry = draft(asked, known, workspace, by, reason)
    logged = log_takedown(workspace, entry) if adds_to(entry, before) else None
    deleted = _delete(workspace, taken_files(workspace, known)) if delete_footage else []
    not_curated = _curate(workspace, dataset, scenarios)
    erased = erase(workspace, dataset)
    return TakenOut(logged, erased, deleted, not_curated)


def erase(workspace: Workspace, dataset: DatasetSettings) -> dict[str, list[Path]]:
    """Erase what the list's clips have left behind; returns it by kind."""
    traces = Traces(workspace, read_takedowns(workspace), metadata_of(dataset, workspace))
    found = traces.found()
    files = {file for files in found.values() for file in files}
    erase_files_from_record(workspace, files)
    take_out(workspace, traces.in_shards())
    for file in files:
        file.unlink(missing_ok=True)
    for file, index, names in list(traces.indexes()):
        part = "frames" if "frames" in index else "files"
        kept = {name: one for name, one in index[part].items() if name not in names}
        write_json(file, {**index, part: kept})
        amend_record(workspace, file)
    return found


def taken_files(workspace: Workspace, known: Known) -> list[FootageFile]:
    """Files that hold nothing but what was taken down."""
    takedowns = read_takedowns(workspace)
    names = {
        clip.id for one in takedowns if one.dataset == known.dataset.name for clip in one.clips
    }
    whole = {
        clip.sha256
        for one in takedowns
        for clip in one.clips
        if (clip.start_s, clip.end_s) == (0.0, None)
    }
    inside: dict[str, list[str]] = {}
    for clip in known.clips.values():
        if (file := known.file_of(clip)) is not None:
            inside.setdefault(file.path, []).append(clip.id)
    return [
        file
        for file in known.files.values()
        if file.sha256 in whole or (inside.get(file.path) and names.issuperset(inside[file.path]))
    ]


def _delete(workspace: Workspace, files: list[FootageFile]) -> list[Path]:
    paths = [workspace.root / file.path for file in files]
    gone = [path for path in paths if not is_at_url(path)]  # of those `erase` erases the copies
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def _curate(
    workspace: Workspace, dataset: DatasetSettings, scenarios: ScenariosSettings
) -> str | None:
    """Sort the clips anew and write the manifests that there were; why not, where that can't be
    done."""
    if metadata_of(dataset, workspace) is None:
        return None
    try:
        curated = curate(dataset, scenarios, take_inventory(dataset, workspace), workspace)
    except SloraError as error:
        return str(error)
    for name in curated.summary.scenarios:
        if workspace.manifest(name).is_file():
            _write_manifest(workspace, name)
    return None


def _write_manifest(workspace: Workspace, scenario: str) -> None:
    try:
        write_manifest(workspace, scenario)
    except CurationError:  # too few are left: the manifest says so to whoever reads it
        return


def _signed(by: str, reason: str) -> tuple[str, str]:
    for key, value in (("by", by), ("reason", reason)):
        if not value.strip():
            raise CurationError(
                "a takedown is signed and has a reason",
                key=key,
                found=value,
                expected="a text that isn't blank",
                remedy=f"say --{key}",
            )
    return " ".join(by.split()), " ".join(reason.split())

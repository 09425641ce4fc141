"""Which adapters have seen footage that was taken down.

Nothing is marked: each time it is asked, the answer comes from the list of takedowns and from what
runs recorded of their clips. An adapter whose run left no record can't be cleared by that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from slora_assets.config.errors import SloraError, TaintedError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    RUN_RECORD,
    RunRecord,
    Takedown,
    TrainedClip,
)
from slora_assets.provenance import file_stamp
from slora_assets.provenance.records import read_run_record
from slora_assets.provenance.takedowns import read_takedowns

Entry = TypeVar("Entry", bound=Takedown)
_RETRAIN = "run `make data preprocess train-scenarios validate`, and promote what comes out"


@dataclass(frozen=True)
class Taint:
    """What an adapter has seen, and by which entries that was taken down."""

    clips: tuple[str, ...]
    """Their names; none where nobody can say what it has seen."""
    entries: tuple[Takedown, ...]

    @property
    def what(self) -> str:
        """In words that may be said to anybody: neither who took it down nor why."""
        if not self.clips:
            return (
                "footage was taken down, and no run's record says that the adapter was trained"
                " without it"
            )
        count = "a clip that was" if len(self.clips) == 1 else f"{len(self.clips)} clips that were"
        return f"the adapter has seen {count} taken down since it was trained"


def refuse_tainted(workspace: Workspace, sha256: str, file: Path) -> None:
    """Raise TaintedError for an adapter that has seen what was taken down, or of which nobody can
    say; IntegrityError for a list of takedowns that isn't whole."""
    taint = taint_of(workspace, sha256)
    if taint is not None:
        why = "; ".join(f"{one.asked}: {one.reason} ({one.by})" for one in taint.entries)
        raise TaintedError(
            taint.what,
            file=file,
            found=f"{', '.join(taint.clips[:5])} - {why}" if taint.clips else None,
            expected="an adapter that never saw it",
            remedy=_RETRAIN,
        )


def taint_of(workspace: Workspace, sha256: str) -> Taint | None:
    """What an adapter has seen of what was taken down; None where that is nothing. Raises
    IntegrityError for a list of takedowns that isn't whole."""
    takedowns = [one for one in read_takedowns(workspace) if one.clips]
    if not takedowns:
        return None
    runs = [run for run in _records(workspace, sha256) if any(k.sha256 == sha256 for k in run.kept)]
    seen = {clip.id: entry.hash for run in runs for clip, entry in seen_by(run, takedowns)}
    # An entry knows what it found tainted, whatever became of the records since.
    noted = {one.hash: one for one in takedowns if sha256 in one.adapters}
    if noted or seen:
        clips = seen or {clip.id for one in noted.values() for clip in one.clips}
        behind = {*noted, *seen.values()}
        return Taint(tuple(sorted(clips)), tuple(one for one in takedowns if one.hash in behind))
    return None if runs else Taint((), ())


def seen_by(run: RunRecord, takedowns: Sequence[Entry]) -> Iterator[tuple[TrainedClip, Entry]]:
    """Clips of a run that were taken down, by their name in its dataset or by their bytes, with the
    first entry that says so."""
    names = {
        clip.id: one
        for one in reversed(takedowns)
        if one.dataset == run.dataset
        for clip in one.clips
    }
    whole = {
        clip.sha256: one
        for one in reversed(takedowns)
        for clip in one.clips
        if clip.sha256 is not None and (clip.start_s, clip.end_s) == (0.0, None)
    }
    for clip in run.clips:
        entry = names.get(clip.id) or whole.get(clip.sha256)
        if entry is not None:
            yield clip, entry


def run_records(workspace: Workspace) -> dict[Path, RunRecord]:
    """The record of every run below `checkpoints/`, those that the registry keeps among them, by
    its folder; what can't be read is left out."""
    found = {}
    for file in sorted((workspace.root / "checkpoints").rglob(RUN_RECORD)):
        record = _record(file, file_stamp(file))
        if record is not None:
            found[file.parent] = record
    return found


def _records(workspace: Workspace, sha256: str) -> Iterator[RunRecord]:
    """Records that may be of the adapter's run, the registry's first."""
    checkpoints = workspace.root / "checkpoints"
    files = [workspace.registry / sha256 / RUN_RECORD]
    files += sorted(checkpoints.glob(f"*/{RUN_RECORD}"))
    files += sorted((checkpoints / "scenario_loras").glob(f"*/{RUN_RECORD}"))
    for file in files:
        record = _record(file, file_stamp(file))
        if record is not None:
            yield record


@lru_cache(maxsize=512)
def _record(file: Path, stamp: tuple[int, ...]) -> RunRecord | None:
    """The record as it stood at `stamp`."""
    try:
        return read_run_record(file.parent)
    except SloraError:
        return None

"""`slora verify`: an artefact of a workspace, or all of it, walked back to what it came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import get_args

from slora_assets.config.errors import IntegrityError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import change_heads, read_changes
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.signed import signed_preset_file
from slora_assets.deployment.strengths import checked_promotion
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    RUN_RECORD,
    VERDICT_FILE,
    CacheName,
    LoggedChange,
    Presets,
)
from slora_assets.governance.verification.hashes import Hashes
from slora_assets.governance.verification.link import Link, of_nobody
from slora_assets.governance.verification.records import Records
from slora_assets.governance.verification.signers import of_log, of_preset, signed_by
from slora_assets.governance.verification.videos import Videos
from slora_assets.provenance.inventories import read_inventory
from slora_assets.provenance.ledger import all_records, ledger_heads
from slora_assets.provenance.takedowns import read_takedowns, takedown_heads

_STANDS_FOR = (RUN_RECORD, VERDICT_FILE, ADAPTER_RECORD, "sweep.json")
"""The record that a folder is known by."""


def verify(workspace: Workspace, path: Path, full: bool = False, far: bool = True) -> Link:
    """The chain of an artefact: of a record, of any file written with one, of a clip, a frame, the
    presets, the change log, a generated video, or of the whole workspace (its root).

    Offline. Files are believed by size, time and inode once they were read; `full` reads all.
    Without `far` it ends at the records that the artefact was made from: these by their bytes.
    """
    hashes = Hashes(workspace, full)
    try:
        return _Verification(workspace, hashes, far).of(path.absolute())
    except IntegrityError as error:  # the ledger itself: nothing else can be told then
        return Link("ledger", workspace.relative(workspace.ledger), "broken", str(error))
    finally:
        hashes.save()


class _Verification:
    def __init__(self, workspace: Workspace, hashes: Hashes, far: bool) -> None:
        self._workspace, self._hashes = workspace, hashes
        self._records = Records(workspace, hashes, far)
        self._videos = Videos(workspace, hashes, self._records)

    def of(self, path: Path) -> Link:
        workspace = self._workspace
        path = signed_by(path)
        known: dict[Path, Callable[[], Link]] = {
            workspace.root: self._whole,
            workspace.presets: self._presets,
            signed_preset_file(workspace, "any").parent: self._presets,
        }
        logs = {
            ledger_heads(workspace): self._ledger,
            change_heads(workspace.changelog): self._changelog,
            takedown_heads(workspace): self._takedowns,
        }
        for heads, look in logs.items():
            known |= dict.fromkeys((heads.log, *heads.files), look)
        if path in known:
            return known[path]()
        if path.parent in known and path.parent != workspace.root:
            return known[path.parent]()
        if path.parent == workspace.artifacts:
            return self._videos.of(path.with_suffix(".json"))
        if path.parent == workspace.register:
            sidecar = workspace.artifacts / path.name
            return self._videos.of(sidecar) if sidecar.is_file() else self._videos.entry(path)
        record = self._record_of(path)
        if record is not None:
            return self._records.link(record)
        if path.is_dir():
            return self._folder(path)
        return self._footage_of(path)

    def _record_of(self, path: Path) -> str | None:
        """The record that is meant by a path: itself, a folder's, or that of a file beside it."""
        paths = set(self._records.paths())
        candidates = [path, *(path / name for name in _STANDS_FOR)]
        named = [one for one in map(self._workspace.relative, candidates) if one in paths]
        return named[0] if named else self._records.holding(path)

    def _folder(self, folder: Path) -> Link:
        below = [
            path
            for path in self._records.paths()
            if self._workspace.absolute(path).is_relative_to(folder)
        ]
        where = self._workspace.relative(folder)
        if not below:
            return Link("folder", where, "broken", "nothing in it is on record")
        return Link("folder", where, parents=[self._records.link(path) for path in below])

    def _footage_of(self, file: Path) -> Link:
        """A clip's file, its first frame or its latent: by the record that lists it."""
        where = self._workspace.relative(file)
        for path in self._records.paths():
            link = self._records.link(path)
            for group in link.parents:
                if group.state == "broken" and group.path == where:
                    return Link("file", where, "broken", group.says, [link])
        listed = self._listed(file)
        if listed is None:
            return Link("file", where, "broken", "no record knows this file")
        record, sha256 = listed
        found = self._hashes.of(file)
        link = self._records.link(self._workspace.relative(record))
        if found == sha256:
            return Link("file", where, parents=[link])
        says = "the file is gone" if found is None else "its bytes are others than when it was read"
        return Link("file", where, "broken", says, [link])

    def _listed(self, file: Path) -> tuple[Path, str] | None:
        workspace, where = self._workspace, self._workspace.relative(file)
        with suppress(SloraError):  # none, or a broken one, which its own link says
            for one in read_inventory(workspace).files.values():
                if one.path == where:
                    return workspace.footage_inventory, one.sha256
        for index in sorted((workspace.metadata / "first_frames").glob("[!.]*.json")):
            made = json.loads(index.read_bytes())["frames"].get(file.stem)
            if made and file.suffix == ".png":
                return index, made["sha256"]
        for cache in get_args(CacheName):
            for index in sorted((workspace.metadata / cache).glob("[!.]*.json")):
                for one in json.loads(index.read_bytes())["files"].values():
                    if one["path"] == where:
                        return index, one["sha256"]
        return None

    def _whole(self) -> Link:
        records = [self._records.link(path) for path in self._records.paths()]
        logs = [self._ledger(), self._changelog(), self._takedowns()]
        parts = [*logs, self._presets(), *records, *self._videos.all()]
        strays = [*self._strays(), *self._videos.strays()]
        return Link("workspace", str(self._workspace.root), parents=[*parts, *strays])

    def _strays(self) -> list[Link]:
        """Records that stand where stages write them, and that none put there."""
        workspace, known = self._workspace, set(self._records.paths())
        places = [
            (workspace.manifests, "*.json"),
            (workspace.root / "checkpoints", f"[!.]*/**/{RUN_RECORD}"),
            (workspace.outputs / "validation", f"[!.]*/{VERDICT_FILE}"),
            (workspace.registry, f"*/{ADAPTER_FILE}"),
        ]
        found = []
        for folder, pattern in places:
            for file in sorted(folder.glob(pattern)):
                record = file.with_name(ADAPTER_RECORD) if file.name == ADAPTER_FILE else file
                where = workspace.relative(record)
                listed = where in known or self._records.holding(file) is not None
                if not listed and not any(p.startswith(".") for p in Path(where).parts):
                    found.append(of_nobody(where))
        return found

    def _ledger(self) -> Link:
        where = self._workspace.relative(self._workspace.ledger)
        entries = all_records(self._workspace)
        if not entries:
            return Link("ledger", where, "broken", "there is none: nothing here is on record")
        says = f"{len(entries)} entries, each hashing the one before"
        signed = of_log(self._workspace, ledger_heads(self._workspace), len(entries))
        return Link("ledger", where, says=says, parents=[signed])

    def _changelog(self) -> Link:
        """Who let what through; and the ledger is no shorter than it was then."""
        workspace = self._workspace
        where = workspace.relative(workspace.changelog)
        try:
            changes = read_changes(workspace.changelog)
        except IntegrityError as error:
            return Link("changes", where, "broken", str(error))
        link = Link("changes", where, says=f"{len(changes)} promotions and demotions")
        heads = {entry.hash for entry in all_records(workspace)}
        for change in changes:
            if change.ledger is not None and change.ledger not in heads:
                says = "the ledger was cut or written anew since this promotion"
                link.parents.append(Link("promotion", change.scenario, "broken", says))
        if changes or self._records.hashes_of(where):
            recorded = self._records.link(where)
            link.state, link.says = recorded.state, recorded.says or link.says
        if changes:
            link.parents.append(of_log(workspace, change_heads(workspace.changelog), len(changes)))
        return link

    def _takedowns(self) -> Link:
        workspace = self._workspace
        where = workspace.relative(workspace.takedowns)
        try:
            entries = read_takedowns(workspace)
        except IntegrityError as error:
            return Link("takedowns", where, "broken", str(error))
        link = Link("takedowns", where, says=f"{len(entries)} entries")
        if self._records.hashes_of(where):
            recorded = self._records.link(where)
            link.state, link.says = recorded.state, recorded.says or link.says
        if entries:
            link.parents.append(of_log(workspace, takedown_heads(workspace), len(entries)))
        return link

    def _presets(self) -> Link:
        workspace = self._workspace
        where = workspace.relative(workspace.presets)
        try:
            presets = read_presets(workspace.presets)
        except SloraError as error:
            return Link("presets", where, "broken", str(error))
        served = [name for name, one in presets.presets.items() if one.sha256 is not None]
        links = [self._preset(presets, name) for name in served]
        return Link("presets", where, says=f"{len(served)} with an adapter", parents=links)

    def _preset(self, presets: Presets, scenario: str) -> Link:
        preset = presets.presets[scenario]
        try:
            change = checked_promotion(self._workspace, scenario, preset)
        except SloraError as error:
            return Link("preset", scenario, "broken", str(error))
        assert change is not None, "only presets with an adapter are asked about"
        link = Link("preset", scenario, says=_promoted(change))
        link.parents.append(of_preset(self._workspace, presets, scenario, change))
        link.parents.append(self._records.registered(str(preset.sha256)))
        return link


def _promoted(change: LoggedChange) -> str:
    return f"{change.verdict}, promoted by {change.by}: {change.reason}"

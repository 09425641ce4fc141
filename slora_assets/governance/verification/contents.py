"""What a record says inside, against the files that it speaks of and against itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from slora_assets.base_models.catalogue import open_base
from slora_assets.config.errors import IntegrityError, MissingInputError, SloraError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.manifest import dataset_hash, read_manifest
from slora_assets.curation.taken_down import Footage, TakenDown
from slora_assets.documents import (
    ADAPTER_FILE,
    RUN_CONFIG,
    CacheIndex,
    FootageFile,
    Inventory,
    RecordKind,
    RunRecord,
    TrainedClip,
)
from slora_assets.governance.verification.hashes import Hashes
from slora_assets.governance.verification.judged import sweep_judged, verdict_judged
from slora_assets.governance.verification.link import Link
from slora_assets.governance.verification.marks import entry_link, refuse_other_credentials
from slora_assets.provenance import object_hash, read_json
from slora_assets.provenance.curated import curated_at, curated_now
from slora_assets.provenance.inventories import read_inventory
from slora_assets.provenance.records import (
    read_adapter_record,
    read_document,
    read_run_record,
)
from slora_assets.provenance.takedowns import read_takedowns

Found = tuple[str, list[Link]]
"""What is said of a record, and the links below it."""

_SHOWN: Final = 20


class Contents:
    """Looks into records. Raises SloraError for what contradicts itself or can't be read."""

    def __init__(self, workspace: Workspace, hashes: Hashes) -> None:
        self._workspace, self._hashes = workspace, hashes

    def of(self, kind: RecordKind, file: Path) -> Found:
        """What a record of this kind says, checked."""
        looks: Mapping[RecordKind, Callable[[Path], Found]] = {
            "footage": self._footage,
            "metadata": self._metadata,
            "manifest": self._manifest,
            "first_frames": self._first_frames,
            "latents": self._cached,
            "prompt_embeddings": self._cached,
            "run": self._run,
            "verdict": self._verdict,
            "sweep": self._sweep,
            "registered": self._registered,
            "entry": self._entry,
        }
        look = looks.get(kind)
        return look(file) if look else ("", [])

    def _footage(self, _file: Path) -> Found:
        expected = {self._at(one.path): one.sha256 for one in self._inventory.files.values()}
        return "", self._group("video files", expected)

    def _metadata(self, file: Path) -> Found:
        curated = curated_at(file)
        for clip, path, sha256 in curated.fields("path", "sha256"):
            known = self._file_of(clip, path)
            if known is None or known.sha256 != sha256:
                raise IntegrityError(
                    "a clip has other bytes than the inventory says",
                    file=file,
                    key=clip,
                    found=sha256,
                    expected=known.sha256 if known else "a file of the inventory",
                    remedy="run `make data`",
                )
        return f"{curated.count} clips, {curated.summary.dataset.licence}", []

    def _manifest(self, file: Path) -> Found:
        manifest = read_manifest(file)
        _same(file, "dataset_hash", manifest.dataset_hash, dataset_hash(manifest.clips))
        return f"{len(manifest.clips)} clips", []

    def _first_frames(self, file: Path) -> Found:
        index = read_json(file, remedy="run `make preprocess`")
        frames = index.get("frames", {}) if isinstance(index, dict) else {}
        paths = self._curated_paths[1]
        expected = {
            self._at(paths[name]): made["sha256"] for name, made in frames.items() if name in paths
        }
        return "", self._group("first frames", expected)

    def _cached(self, file: Path) -> Found:
        index = read_document(
            file, CacheIndex, what="an index of cache files", remedy="run `make preprocess`"
        )
        expected = {self._at(one.path): one.sha256 for one in index.files.values()}
        return f"made with {index.base.name}", self._group("arrays", expected)

    def _run(self, file: Path) -> Found:
        record = read_run_record(file.parent)
        recipe = read_settings(file.parent / RUN_CONFIG, TrainingSettings)
        _same(file, "config_hash", record.config_hash, object_hash(recipe.resolved()))
        for kept in record.kept:
            found = self._hashes.of(file.parent / kept.path / ADAPTER_FILE)
            _same(file, f"kept.{kept.epoch}.sha256", kept.sha256, found)
        return _told(record), [
            *self._trained_on(file, record),
            self._base(recipe.base_model, record),
        ]

    def _trained_on(self, file: Path, record: RunRecord) -> list[Link]:
        """The clips that a run saw, by their bytes now."""
        if all(clip.prompts is not None for clip in record.clips):
            keys = {"id", "sha256", "start_s", "split", "scenario", "prompts"}
            clips = [clip.model_dump(mode="json", include=keys) for clip in record.clips]
            hashed = object_hash(sorted(clips, key=lambda clip: str(clip["id"])))
            _same(file, "dataset_hash", record.dataset_hash, hashed)
        paths = self._curated_paths[0]
        expected, gone = {}, []
        for clip in record.clips:
            known = self._file_of(clip.id, paths.get(clip.id))
            if known is None:
                gone.append(clip)
            else:
                expected[self._at(known.path)] = clip.sha256
        links = self._group("clips", expected)
        return [*links, *self._gone(gone)]

    def _gone(self, clips: Sequence[TrainedClip]) -> list[Link]:
        """Of clips whose footage is not there any more, whether somebody has taken it down."""
        taken = TakenDown(read_takedowns(self._workspace) if clips else (), "")
        why = [
            (clip, taken.why(Footage("", None, None, None, clip.sha256, clip.start_s, clip.end_s)))
            for clip in clips
        ]
        links = [Link("clip", clip.id, "erased", said) for clip, said in why if said][:_SHOWN]
        lost = [clip.id for clip, said in why if not said]
        links += [
            Link("clip", name, "broken", "its footage is gone: it can't be shown any more")
            for name in lost[:_SHOWN]
        ]
        if len(lost) > _SHOWN:
            links.append(Link("clips", "", "broken", f"{len(lost) - _SHOWN} more are gone"))
        return links

    def _base(self, name: str, record: RunRecord) -> Link:
        try:
            parts = open_base(name, self._workspace.models).identity().parts
        except (MissingInputError, OSError) as error:
            return Link("base", name, "elsewhere", f"not on this machine ({error})")
        except SloraError as error:
            return Link("base", name, "broken", str(error))
        if parts != record.base.get("parts"):
            return Link("base", name, "broken", "its weights are others than it was trained on")
        return Link("base", name, says=f"the same weights, {record.base.get('licence')}")

    def _verdict(self, file: Path) -> Found:
        return verdict_judged(self._workspace, file), []

    def _sweep(self, file: Path) -> Found:
        return sweep_judged(self._workspace, file), []

    def _registered(self, file: Path) -> Found:
        record = read_adapter_record(file.parent)
        _same(file, "sha256", record.sha256, file.parent.name)
        refuse_other_credentials(file.parent)
        return f"{record.scenario or 'unified'}, rank {record.rank}, epoch {record.epoch}", []

    def _entry(self, file: Path) -> Found:
        link = entry_link(self._workspace, file.stem, None)
        if link.state == "broken":
            raise IntegrityError(link.says, file=file, remedy="restore it from a copy")
        return link.says, []

    @cached_property
    def _inventory(self) -> Inventory:
        return read_inventory(self._workspace)

    def _file_of(self, clip: str, path: str | None) -> FootageFile | None:
        """A clip's file: its own, or where files hold whole sources the one at its path."""
        files = self._inventory.files
        if clip in files or path is None:
            return files.get(clip)
        return self._files_by_path.get(path)

    @cached_property
    def _files_by_path(self) -> dict[str, FootageFile]:
        return {file.path: file for file in self._inventory.files.values()}

    @cached_property
    def _curated_paths(self) -> tuple[dict[str, str], dict[str, str]]:
        """By id of each clip its file and its first frame."""
        files, frames = dict[str, str](), dict[str, str]()
        for clip, file, frame in curated_now(self._workspace).fields("path", "first_frame"):
            files[clip], frames[clip] = file, frame
        return files, frames

    def _at(self, path: str) -> Path:
        return self._workspace.absolute(path)

    def _group(self, what: str, expected: Mapping[Path, str]) -> list[Link]:
        """Files that should have these hashes: those that have are one link, each other is one."""
        away = {file for file in expected if self._hashes.not_looked_at(file)}
        here = {file: sha256 for file, sha256 in expected.items() if file not in away}
        wrong = [file for file, sha256 in here.items() if self._hashes.of(file) != sha256]
        links = []
        if here or not away:
            right = len(here) - len(wrong)
            links += [Link(what, f"{right} of {len(here)}", says="with the recorded bytes")]
        if away:
            from slora_assets.storage.footage_objects import url_of

            where = url_of(min(away)).rpartition("/")[0]
            says = f"at {where}, not read now (--full reads them)"
            links.append(Link(what, f"{len(away)} of {len(expected)}", "elsewhere", says))
        links += [
            Link(what, self._workspace.relative(file), "broken", self._what(file))
            for file in wrong[:_SHOWN]
        ]
        if len(wrong) > _SHOWN:
            links.append(Link(what, "", "broken", f"{len(wrong) - _SHOWN} more are not so"))
        return links

    def _what(self, file: Path) -> str:
        gone = self._hashes.of(file) is None
        return "the file is gone" if gone else "its bytes are others than when it was read"


def _same(file: Path, key: str, found: object, expected: object) -> None:
    if found != expected:
        raise IntegrityError(
            "the record contradicts what it was made of",
            file=file,
            key=key,
            found=found,
            expected=str(expected),
            remedy="restore it from a copy, or make it again",
        )


def _told(record: RunRecord) -> str:
    code = record.code
    commit = "" if code is None else f", code {(code.commit or code.package)[:12]}"
    changed = " with changes" if code is not None and code.dirty else ""
    return f"{len(record.clips)} clips, {record.steps} steps{commit}{changed}"

"""What taken footage has left behind in a workspace, found anew each time it is asked."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from slora_assets.caches.first_frames import frame_key_of
from slora_assets.caches.shard_erasure import all_shards
from slora_assets.caches.shards import own_file
from slora_assets.config.dataset_files import without_ending
from slora_assets.config.errors import SloraError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.taken_down import TakenDown, footage_of
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.deployment.taint import run_records, seen_by
from slora_assets.documents import LoggedTakedown, RunRecord
from slora_assets.provenance import read_json, sha256_bytes, sha256_file
from slora_assets.provenance.curated import Curated
from slora_assets.storage.footage_copies import FOLDER, copies_in
from slora_assets.validation.elsewhere import other_prompts_asked

KINDS: Final = (
    "copies of footage",
    "first frames",
    "latents",
    "measured clips",
    "embeddings",
    "samples",
    "footage samples",
    "pages",
)


@dataclass(frozen=True)
class Traces:
    """The list, and the workspace that it is held against."""

    workspace: Workspace
    takedowns: Sequence[LoggedTakedown]
    curated: Curated | None
    """What curation says now."""

    def found(self) -> dict[str, list[Path]]:
        """Files by kind, of KINDS; what isn't there has none."""
        looked_for = (
            self._copies(),
            self._frames(),
            self._latents(),
            self._measured(),
            self._embeddings(),
            self._samples(),
            self._footage_samples(),
            self._pages(),
        )
        sharded = set(self._own_files(self.in_shards()))
        by_kind = zip(KINDS, looked_for, strict=True)
        there = (
            (kind, sorted({f for f in found if f in sharded or f.is_file()}))
            for kind, found in by_kind
        )
        return {kind: files for kind, files in there if files}

    def in_shards(self) -> dict[Path, set[str]]:
        """Latents and embeddings by the shards that hold them."""
        return self._latents_in_shards() | self._embeddings_in_shards()

    def _latents_in_shards(self) -> dict[Path, set[str]]:
        found = {
            shard.path: {n for n, one in shard.entries.items() if self._made_of(one.key)}
            for shard in all_shards(self.workspace.latents)
        }
        return {path: names for path, names in found.items() if names}

    def _embeddings_in_shards(self) -> dict[Path, set[str]]:
        if not self.gone_prompts:
            return {}
        shards = all_shards(self.workspace.text_embeddings)
        found = {shard.path: self.gone_prompts & shard.entries.keys() for shard in shards}
        return {path: names for path, names in found.items() if names}

    def _own_files(self, found: dict[Path, set[str]]) -> Iterator[Path]:
        """What files arrays in shards would have."""
        return (own_file(path, name) for path, names in found.items() for name in names)

    def _torn_shards(self, folder: Path) -> Iterator[Path]:
        """Nobody knows what they hold."""
        return (shard.path for shard in all_shards(folder) if not shard.entries)

    @cached_property
    def rule(self) -> TakenDown:
        """The list as bytes are held against it."""
        return TakenDown(self.takedowns, self.dataset or "")

    @property
    def dataset(self) -> str | None:
        """Whose names the caches' files have."""
        return self.curated.summary.dataset.name if self.curated else None

    def names(self, dataset: str | None) -> set[str]:
        """Clips of a dataset; None: of any."""
        mine = [one for one in self.takedowns if dataset in (None, one.dataset)]
        return {clip.id for one in mine for clip in one.clips}

    @cached_property
    def runs(self) -> dict[Path, RunRecord]:
        """Runs that saw any of it, by folder."""
        records = run_records(self.workspace).items()
        return {folder: run for folder, run in records if any(seen_by(run, self.takedowns))}

    @cached_property
    def gone_prompts(self) -> set[str]:
        """Hashes of prompts that nothing asks for any more."""
        mine = {text for one in self.takedowns for text in one.prompts}
        return mine - {sha256_bytes(text.encode()) for text in self._wanted()} if mine else mine

    def _wanted(self) -> Iterator[str]:
        """Every prompt that is trained with or asked for without what was taken down."""
        settings = read_validation_prompts(self.workspace.validation_prompts)
        clips = [
            clip
            for clip in (self.curated.clips() if self.curated else ())
            if self.rule.why(footage_of(clip)) is None
        ]
        for clip in clips:
            yield from clip.prompts
        for name in {*settings.scenarios, *(clip.scenario for clip in clips)}:
            yield from (prompt.text for prompt in prompts_of(settings, name, clips))
        yield from (prompt.text for prompt in other_prompts_asked(settings, ()))

    def indexes(self) -> Iterator[tuple[Path, dict[str, Any], set[str]]]:
        """Each index of first frames, latents or embeddings that names any: its content, with what
        it names under `frames` or `files`, and the names."""
        keys = {
            frame_key_of(clip.sha256, clip.start_s)
            for one in self.takedowns
            for clip in one.clips
            if clip.sha256 is not None
        }
        names = self.names(self.dataset)
        for kind, part in (("first_frames", "frames"), ("latents", "files")):
            for file, index, listed in self._indexes(kind, part):
                found = {n for n, one in listed.items() if n in names or one.get("key") in keys}
                if found:
                    yield file, index, found
        for file, index, listed in self._indexes("prompt_embeddings", "files"):
            if found := {text for text in listed if self._is_gone(text)}:
                yield file, index, found

    def _indexes(
        self, kind: str, part: str
    ) -> Iterator[tuple[Path, dict[str, Any], dict[str, dict[str, Any]]]]:
        for file in sorted(self.workspace.cache_index(kind, "any").parent.glob("[!.]*.json")):
            index = _json(file)
            listed = index.get(part) if isinstance(index, dict) else None
            if isinstance(listed, dict):
                yield file, index, listed

    def _copies(self) -> Iterator[Path]:
        """Of footage at a URL: a copy that others need too is fetched again."""
        for dataset in {one.dataset for one in self.takedowns}:
            folder = self.workspace.raw(dataset) / FOLDER
            names = self.names(dataset)
            for path, _ in copies_in(folder):
                if without_ending(path.name) in names or sha256_file(path) in self._taken_bytes:
                    yield path

    @cached_property
    def _taken_bytes(self) -> set[str]:
        return {clip.sha256 for one in self.takedowns for clip in one.clips if clip.sha256}

    def _frames(self) -> Iterator[Path]:
        for one in self.takedowns:
            folder = self.workspace.frames(one.dataset)
            yield from (folder / f"{clip.id}.png" for clip in one.clips)
        if self.dataset is not None:
            folder = self.workspace.frames(self.dataset)
            for _, index, names in self.indexes():
                if "frames" in index:
                    yield from (folder / f"{name}.png" for name in names)

    def _latents(self) -> Iterator[Path]:
        names = self.names(self.dataset)
        for file in sorted(self.workspace.latents.rglob("*.npz")):
            key = _key(file)
            if self._made_of(key) or (key is None and file.stem in names):
                yield file
        yield from self._own_files(self._latents_in_shards())
        yield from self._torn_shards(self.workspace.latents)

    def _made_of(self, key: object) -> bool:
        """Whether a latent's key names bytes that were taken down."""
        match key:
            case {"clip": str(sha256), "decode": {"start_s": start, "end_s": end}}:
                return self.rule.holds(sha256, start, end)
        return False

    def _measured(self) -> Iterator[Path]:
        for file in sorted(self.workspace.measured_clips.glob("*.npz")):
            match _key(file):
                case {"footage": footage}:
                    if self._made_of(footage):
                        yield file
                case {"asked": [*asked]}:  # the base's, drawn together
                    if any(self._is_gone(text) for text, _seed in asked):
                        yield file

    def _is_gone(self, prompt: object) -> bool:
        return sha256_bytes(str(prompt).encode()) in self.gone_prompts

    def _embeddings(self) -> Iterator[Path]:
        gone = self.gone_prompts
        for folder in sorted(self.workspace.text_embeddings.glob("*")):
            yield from (folder / f"{name}.npz" for name in gone)
        if gone:
            yield from self._torn_shards(self.workspace.text_embeddings)

    def _samples(self) -> Iterator[Path]:
        """Clips that were drawn for its prompts, and the pictures that show them."""
        for file in sorted((self.workspace.root / "checkpoints").rglob("begun_with.json")):
            match _json(file):
                case {"facts": {"prompts": [*prompts]}}:
                    for name in self._gone_names(prompts):
                        yield from file.parent.glob(f"sample_epoch_*/{name}_*.mp4")
        for file in sorted((self.workspace.outputs / "validation").glob("*/pairs.json")):
            match _json(file):
                case {"pairs": [*pairs]}:
                    asked = [[one.get("prompt_id"), one.get("prompt")] for one in pairs]
                    shown = [
                        clip
                        for name in self._gone_names(asked)
                        for clip in file.parent.glob(f"samples/*/{name}_*.mp4")
                    ]
                    yield from shown
                    if shown:
                        yield file.with_name("contact_sheet.png")

    def _gone_names(self, prompts: Iterable[Any]) -> list[str]:
        """Names, which samples' files have, of prompts that are gone."""
        found = []
        for one in prompts:
            match one:
                case [str(name), str(text)] if self._is_gone(text):
                    found.append(name)
        return found

    def _footage_samples(self) -> Iterator[Path]:
        datasets = {run.run: run.dataset for run in run_records(self.workspace).values()}
        seen: dict[str, set[str]] = {}
        for run in self.runs.values():
            seen.setdefault(run.run, set()).update(c.id for c, _ in seen_by(run, self.takedowns))
        for folder in sorted((self.workspace.outputs / "validation").glob("*/samples/footage")):
            judged = folder.parents[1].name
            names = self.names(datasets.get(judged)) | seen.get(judged, set())
            yield from (folder / f"{name}.mp4" for name in names)

    def _pages(self) -> Iterator[Path]:
        """A page shows clips and first frames of what its run saw."""
        for run in self.runs.values():
            yield self.workspace.report(run.run)
        if self.runs:
            yield self.workspace.project_report

    def still_asked(self) -> list[str]:
        """Names of prompts in the file of prompts that a taken clip was described with."""
        mine = {text for one in self.takedowns for text in one.prompts}
        settings = read_validation_prompts(self.workspace.validation_prompts)
        written = [p for name in settings.scenarios for p in prompts_of(settings, name, ())]
        return [one.id for one in written if sha256_bytes(one.text.encode()) in mine]


def _key(file: Path) -> object:
    """What a cache file was made from; None for one that can't be read."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            found: object = json.loads(str(archive["key"]))
            return found
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile):
        return None


def _json(file: Path) -> Any:
    try:
        return read_json(file, remedy="")
    except SloraError:
        return None

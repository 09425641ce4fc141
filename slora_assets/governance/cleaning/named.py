"""What a workspace's documents name: every first frame, latent and embedding that is in use, by the
curation as it is now, by an index, or by a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final, TypeVar, get_args

from slora_assets.caches.first_frames import indexed_clips
from slora_assets.caches.shards import own_file
from slora_assets.config.validation import ValidationPrompts, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.deployment.taint import run_records
from slora_assets.documents import (
    RUN_INPUTS,
    RUN_PROMPTS,
    RUN_RECORD,
    CacheIndex,
    CacheName,
    Clip,
    RunRecord,
    ShardedArray,
)
from slora_assets.provenance import file_stamp, read_json, sha256_bytes
from slora_assets.provenance.curated import curated_at
from slora_assets.provenance.ledger import refuse_changed
from slora_assets.provenance.records import read_document, read_run_record
from slora_assets.validation.elsewhere import other_prompts_asked

Read = TypeVar("Read")

_ENCODER: Final = 16
"""Characters of a text encoder's hash that name the folder of its embeddings."""
_REMEDY: Final = "run `make data preprocess`; nothing is removed while a document can't be believed"


@dataclass
class Named:
    """What is in use."""

    files: set[str] = field(default_factory=set)
    """By path, as documents have it."""
    places: dict[str, set[str]] = field(default_factory=dict)
    """Of arrays that an index lists, by the path that their own file has or would have: the files
    that hold them."""
    prompts: set[str] = field(default_factory=set)
    """Names of embeddings, whose encoder made them or not."""
    encoders: set[str] = field(default_factory=set)
    """Folders of embeddings that an index or a run names."""
    gone: list[Path] = field(default_factory=list)
    """Manifests and indexes of scenarios that neither the curation nor a run knows."""
    read: dict[Path, tuple[int, ...]] = field(default_factory=dict)
    """The documents, with what each was known by before it was read."""

    @property
    def still_so(self) -> bool:
        """Whether no document has been written since."""
        return all(file_stamp(file) == stamp for file, stamp in self.read.items())

    def clips(self, clips: Iterable[Clip]) -> None:
        """All that is made of clips."""
        for clip in clips:
            self.files |= {clip.first_frame, clip.latent}
            self.texts(clip.prompts)

    def asked(self, prompts: ValidationPrompts, clips: Sequence[Clip]) -> None:
        """What a file of prompts has validation ask."""
        for name in {*prompts.scenarios, *(clip.scenario for clip in clips)}:
            self.texts(one.text for one in prompts_of(prompts, name, clips))
        self.texts(one.text for one in other_prompts_asked(prompts, ()))

    def texts(self, prompts: Iterable[str]) -> None:
        """Embeddings of prompts."""
        self.prompts.update(sha256_bytes(text.encode()) for text in prompts)

    def encoder(self, parts: object) -> None:
        """A base's text encoder."""
        sha256 = parts.get("text_encoder") if isinstance(parts, dict) else None
        if isinstance(sha256, str):
            self.encoders.add(sha256[:_ENCODER])


def named_in(workspace: Workspace) -> Named:
    """Read all that names anything.

    Raises MissingInputError where nothing was curated, IntegrityError for a document that can't be
    read or isn't what its stage left: what is in use can't be told then.
    """
    named = Named()
    named.texts([""])
    runs = _runs(workspace)
    look = _Look(workspace, named)
    curated = look.at(workspace.scenario_metadata, curated_at)
    known = {*curated.summary.scenarios, *(name for run in runs.values() for name in run.scenarios)}
    prompts = look.at(workspace.validation_prompts, read_validation_prompts)
    named.asked(prompts, ())
    for name in curated.summary.scenarios:
        clips = curated.of_scenario(name)
        named.clips(clips)
        named.asked(prompts, clips)
    for folder, read in look.readers().items():
        for file in sorted(folder.glob("[!.]*.json")):
            if file.stem in known:
                look.at(file, read)
            else:
                named.gone.append(file)
    for folder, run in runs.items():
        _by_run(look, folder, run)
    for file in sorted((workspace.root / "checkpoints").rglob("begun_with.json")):
        named.texts(_begun(file))
    return named


@dataclass(frozen=True)
class _Look:
    workspace: Workspace
    named: Named

    def at(self, file: Path, read: Callable[[Path], Read]) -> Read:
        """A document, if it is what its stage left."""
        self.named.read[file] = file_stamp(file)
        found = read(file)
        refuse_changed(self.workspace, file, remedy=_REMEDY)
        return found

    def readers(self) -> dict[Path, Callable[[Path], object]]:
        """Folders of documents of scenarios, `<scenario>.json`, and what notes what they name."""
        inside = self.workspace
        caches = [inside.cache_index(one, "any").parent for one in get_args(CacheName)]
        return {
            inside.manifests: self.manifest,
            inside.first_frame_index("any").parent: self._frames,
            **dict.fromkeys(caches, self._cache),
        }

    def manifest(self, file: Path) -> list[Clip]:
        """A manifest's clips, noted."""
        clips = read_manifest(file).clips
        self.named.clips(clips)
        return clips

    def _frames(self, file: Path) -> None:
        """An index doesn't say of which dataset its clips are."""
        names = indexed_clips(file)
        for folder in map(self.workspace.relative, frame_folders(self.workspace)):
            self.named.files.update(f"{folder}/{name}.png" for name in names)

    def _cache(self, file: Path) -> None:
        index = read_document(file, CacheIndex, what="an index of cache files", remedy=_REMEDY)
        for one in index.files.values():
            array = one.path
            if isinstance(one, ShardedArray):
                array = own_file(PurePath(one.path), one.entry).as_posix()
            self.named.files |= {one.path, array}
            self.named.places.setdefault(array, set()).add(one.path)
        self.named.encoder(index.base.parts)


def frame_folders(workspace: Workspace) -> list[Path]:
    """Folders of first frames, of all datasets."""
    return sorted(workspace.raw("any").parent.glob("*/frames"))


def _runs(workspace: Workspace) -> dict[Path, RunRecord]:
    found = run_records(workspace)
    for file in (workspace.root / "checkpoints").rglob(RUN_RECORD):
        # A scenario may be called `manifest`, too.
        if file.parent not in found and file.parent.name != RUN_INPUTS:
            read_run_record(file.parent)
    return found


def _by_run(look: _Look, folder: Path, run: RunRecord) -> None:
    """What a run was made from, by its record and by the inputs that it keeps."""
    named, workspace = look.named, look.workspace
    named.encoder(run.base.get("parts"))
    frames, latents = map(workspace.relative, (workspace.frames(run.dataset), workspace.latents))
    for clip in run.clips:
        named.files |= {f"{frames}/{clip.id}.png", f"{latents}/{clip.scenario}/{clip.id}.npz"}
        named.texts(clip.prompts or ())
    inputs = folder / RUN_INPUTS
    clips = [clip for file in sorted(inputs.glob("*.json")) for clip in look.manifest(file)]
    if (inputs / RUN_PROMPTS).is_file():
        named.asked(read_validation_prompts(inputs / RUN_PROMPTS), clips)


def _begun(file: Path) -> Iterator[str]:
    """Prompts that a run samples, whether it is whole or not."""
    match read_json(file, remedy="train again with RESTART=1"):
        case {"facts": {"prompts": [*prompts]}}:
            yield from (str(one[1]) for one in prompts if isinstance(one, list) and len(one) == 2)

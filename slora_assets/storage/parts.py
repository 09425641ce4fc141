"""A workspace in parts, as a store has it: what one stage made of one scenario is one part, so that
a machine has back what it needs and nothing else, and two machines hinder each other seldom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from slora_assets.config.data import read_dataset
from slora_assets.config.dataset_files import VIDEO_SUFFIXES, annotation_names
from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError
from slora_assets.config.places import refuse_shipped
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import CacheIndex, CacheName, ScenarioManifest
from slora_assets.provenance import clip_tables, inventories
from slora_assets.provenance.curated import manifest_at, whole_manifest
from slora_assets.provenance.inventories import read_inventory
from slora_assets.provenance.records import read_document
from slora_assets.storage.footage_copies import FOLDER, is_at_url, source_file

Files = dict[str, Path]
"""By the path that a store has for it, where a file lies here."""

LEDGER: Final = "ledger"
QUARANTINE: Final = "quarantine"
MEASURED: Final = "measured"
PRESETS: Final = "presets"
MODELS: Final = "models/"
"""Bases are had where they come from, and pushed only by name."""
_PRESETS_FILE: Final = "configs/model/optimized_inference.yaml"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
_REMEDY: Final = "run `make data preprocess`"
_LEFT: Final = (".lock", ".sqlite", ".partial")

_ROOTS: Final = ("data", "checkpoints", "outputs")
_OF_FOOTAGE: Final = ("footage", "clips", "annotations")
"""Parts whose files lie where the dataset says, anywhere in a workspace."""
_FOOTAGE_SUFFIXES: Final = VIDEO_SUFFIXES | {".json", ".csv", ".txt", ".gz", ".xz"}

Stage = Literal["preprocess", "train", "validate", "serve"]
_ALWAYS: Final = (LEDGER, "takedowns", QUARANTINE, "metadata", "annotations")
_NEEDED: Final[Mapping[Stage, tuple[str, ...]]] = {
    "preprocess": (*_ALWAYS, "manifests/{}", "clips/{}"),
    "train": (*_ALWAYS, "manifests/{}", "latents/{}", "embeddings/{}", "frames/{}"),
    "validate": (
        *(*_ALWAYS, "manifests/{}", "latents/{}", "embeddings/{}", "clips/{}"),
        *("runs/{}", "validation/{}", MEASURED),
    ),
    "serve": (LEDGER, "takedowns", "promotions", PRESETS, "registry/*"),
}


def needed_parts(stage: Stage, scenarios: Iterable[str]) -> list[str]:
    """Patterns of the parts that a stage reads; none named means every scenario."""
    names = list(scenarios) or ["*"]
    found = [pattern.format(name) for pattern in _NEEDED[stage] for name in names]
    return list(dict.fromkeys(found))


def stage_parts(names: Iterable[str], stage: Stage, scenarios: Iterable[str]) -> list[str]:
    """The parts of a store that a stage reads; some may not be there, as nobody made them. Raises
    ConfigError for a scenario that the store has nothing of."""
    known, wanted = list(names), list(scenarios)
    for scenario in wanted:
        if f"manifests/{scenario}" not in known and stage != "serve":
            have = sorted(one.partition("/")[2] for one in known if one.startswith("manifests/"))
            raise ConfigError(
                "the store has no such scenario",
                key="--scenario",
                found=scenario,
                expected=f"one of {have}",
                remedy="push its manifest from where it was curated",
            )
    patterns = needed_parts(stage, wanted)
    return [one for one in known if any(fnmatchcase(one, pattern) for pattern in patterns)]


def chosen(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """The parts that patterns (`latents/*`) name; all but bases where there is no pattern. Raises
    ConfigError for a pattern that names none."""
    known, wanted = sorted(names), list(patterns)
    if not wanted:
        return [one for one in known if not one.startswith(MODELS)]
    found: dict[str, None] = {}
    for pattern in wanted:
        named = [one for one in known if fnmatchcase(one, pattern)]
        if not named:
            raise ConfigError(
                "there is no such part",
                key="PARTS",
                found=pattern,
                expected=f"one of {known[:20]}{' and more' if len(known) > 20 else ''}",
                remedy="see `slora stored` for what the store has",
            )
        found |= dict.fromkeys(named)
    return list(found)


def local_parts(workspace: Workspace) -> dict[str, Callable[[], Files]]:
    """What lists the files of each part that may be here. A part without a file is none."""
    inside = _Inside(workspace)
    found: dict[str, Callable[[], Files]] = {
        "metadata": inside.metadata,
        QUARANTINE: lambda: inside.files(workspace.quarantine),
        "annotations": inside.annotations,
        "footage": inside.footage,
        MEASURED: lambda: inside.files(*below(workspace.measured_clips)),
        "takedowns": lambda: inside.files(workspace.takedowns, *workspace.takedown_heads),
        "promotions": inside.promotions,
        PRESETS: inside.presets,
        "reports": lambda: inside.files(*below(workspace.summary), *below(workspace.reports)),
        LEDGER: inside.ledger,
    }
    for scenario in _stems(workspace.manifests):
        found |= {
            f"manifests/{scenario}": partial(inside.files, workspace.manifest(scenario)),
            f"clips/{scenario}": partial(inside.clips, scenario),
            f"frames/{scenario}": partial(inside.frames, scenario),
            f"latents/{scenario}": partial(inside.cache, "latents", scenario),
            f"embeddings/{scenario}": partial(inside.cache, "prompt_embeddings", scenario),
        }
    runs = {UNIFIED: workspace.unified_run} | _folders(workspace.scenario_run("any").parent)
    for name, folder in runs.items():
        found[f"runs/{name}"] = partial(inside.folder, folder)
    judged = {**_folders(workspace.validation("any").parent), **dict.fromkeys(runs)}
    for name in judged:
        found[f"validation/{name}"] = partial(inside.judged, name)
    for name, folder in _folders(workspace.registry).items():
        found[f"registry/{name}"] = partial(inside.folder, folder)
    for name, folder in _folders(workspace.models).items():
        found[f"{MODELS}{name}"] = partial(inside.folder, folder)
    return {name: files for name, files in found.items() if _NAME.fullmatch(name)}


def written_parts(workspace: Workspace, record: Path) -> list[str]:
    """The parts that a stage has written when it has put `record` on record."""
    patterns = _of_record(workspace, record)
    known = local_parts(workspace)
    return [one for one in known if any(fnmatchcase(one, pattern) for pattern in patterns)]


def _of_record(workspace: Workspace, record: Path) -> list[str]:
    inside, stem = workspace, record.stem
    by_folder = {
        inside.manifests: [f"manifests/{stem}", f"clips/{stem}"],
        inside.first_frame_index("any").parent: [f"frames/{stem}", QUARANTINE],
        inside.cache_index("latents", "any").parent: [f"latents/{stem}", QUARANTINE],
        inside.cache_index("prompt_embeddings", "any").parent: [f"embeddings/{stem}"],
        inside.unified_run: [f"runs/{UNIFIED}"],
        inside.scenario_run("any").parent: [f"runs/{record.parent.name}"],
        inside.validation("any").parent: [f"validation/{record.parent.name}", MEASURED],
        inside.sweep("any").parent.parent: [f"validation/{record.parent.name}", MEASURED],
    }
    by_file = {
        inside.footage_inventory: ["metadata", "annotations", "footage", QUARANTINE],
        inside.scenario_metadata: ["metadata", "annotations", QUARANTINE],
        inside.changelog: ["promotions", PRESETS, "registry/*", "takedowns"],
    }
    at = by_folder.get(record.parent) or by_folder.get(record.parent.parent, [])
    return [*by_file.get(record, at), LEDGER]


def place(workspace: Workspace, recorded: str, part: str) -> Path:
    """Where a file of a store belongs here. Raises IntegrityError for a path that leaves the
    workspace, or that no part has its files at: whoever wrote it wanted something else."""
    if recorded == _PRESETS_FILE and part == PRESETS:
        refuse_shipped(workspace.presets)
        return workspace.presets
    path = PurePosixPath(recorded)
    plain = not path.is_absolute() and str(path) == recorded and not re.search(r"[\0\\]", recorded)
    plain = plain and not any(one.startswith(".") for one in path.parts)
    sound = plain and (
        path.parts[0] in _ROOTS
        or (part.partition("/")[0] in _OF_FOOTAGE and path.suffix.lower() in _FOOTAGE_SUFFIXES)
    )
    target = workspace.root / recorded
    if not sound or not target.parent.resolve().is_relative_to(workspace.root.resolve()):
        raise IntegrityError(
            "the store names a file that is none of a workspace's",
            key=f"{part}: {recorded}",
            expected="a path below data/, checkpoints/ or outputs/",
            remedy="see who may write to the store; nothing was fetched",
        )
    return target


def below(folder: Path) -> Iterator[Path]:
    """All files below a folder but hidden ones, locks and what is half written; links are not
    followed."""
    if folder.is_dir() and not folder.is_symlink():
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if not hidden and path.suffix not in _LEFT and path.is_file() and not path.is_symlink():
                yield path


class _Inside:
    """The files of parts."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def files(self, *paths: Path) -> Files:
        """Those that are there, inside the workspace."""
        found = {self._workspace.relative(path): path for path in paths if path.is_file()}
        return {name: path for name, path in found.items() if not Path(name).is_absolute()}

    def folder(self, folder: Path) -> Files:
        """All of it."""
        return self.files(*below(folder))

    def metadata(self) -> Files:
        folder = self._workspace.metadata
        own = [p for p in folder.glob("[!.]*") if p.name != self._workspace.quarantine.name]
        tables = ("rejects", clip_tables.FOLDER, inventories.FOLDER)
        return self.files(*own, *(file for name in tables for file in below(folder / name)))

    def annotations(self) -> Files:
        try:
            dataset, _ = read_dataset(self._workspace.dataset_file)
            named = annotation_names(dataset, self._workspace).values()
            return self.files(*named, source_file(self._workspace.raw(dataset.name) / FOLDER))
        except MissingInputError:  # a machine that only trains needs none
            return {}

    def footage(self) -> Files:
        if not self._workspace.footage_inventory.is_file():
            return {}
        return self._footage(one.path for one in read_inventory(self._workspace).files.values())

    def _footage(self, paths: Iterable[str]) -> Files:
        """Not those that lie at a URL, where every machine finds them."""
        here = map(self._workspace.absolute, paths)
        return self.files(*(path for path in here if not is_at_url(path)))

    def clips(self, scenario: str) -> Files:
        return self._footage(clip.path for clip in self._manifest(scenario).clips)

    def frames(self, scenario: str) -> Files:
        index = self._workspace.first_frame_index(scenario)
        clips = self._manifest(scenario).clips if index.is_file() else []
        return self.files(*(self._workspace.absolute(one.first_frame) for one in clips), index)

    def cache(self, name: CacheName, scenario: str) -> Files:
        index = self._workspace.cache_index(name, scenario)
        if not index.is_file():
            return {}
        what = "an index of cache files"
        found = read_document(index, CacheIndex, what=what, remedy=_REMEDY)
        listed = (self._workspace.absolute(one.path) for one in found.files.values())
        return self.files(*listed, index)

    def judged(self, run: str) -> Files:
        sweep = self._workspace.sweep(run).parent
        found = [*below(self._workspace.validation(run)), *below(sweep)]
        return self.files(*found, self._workspace.comparisons(run))

    def promotions(self) -> Files:
        log = self._workspace.changelog
        heads = log.with_name(f"{log.stem}.head.json")
        return self.files(*below(self._workspace.root / "data" / "signed_presets"), log, heads)

    def presets(self) -> Files:
        file = self._workspace.presets
        return {_PRESETS_FILE: file} if file.is_file() else {}

    def ledger(self) -> Files:
        log = self._workspace.ledger
        return self.files(log, log.with_name(f"{log.stem}.head.json"))

    def _manifest(self, scenario: str) -> ScenarioManifest:
        manifest = manifest_at(self._workspace.manifest(scenario), _REMEDY)
        return whole_manifest(manifest, self._workspace.metadata)


def _stems(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("[!.]*.json"))


def _folders(folder: Path) -> dict[str, Path]:
    return {one.name: one for one in sorted(folder.glob("[!.]*")) if one.is_dir()}

"""Files that nothing names any more, in the folders that are the project's own and nowhere else;
nothing behind a link is looked at."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slora_assets.caches.first_frames import HEIGHT, WIDTH
from slora_assets.caches.shard_erasure import all_shards
from slora_assets.config.workspace import Workspace
from slora_assets.governance.cleaning.arrays import Arrays, bytes_of
from slora_assets.governance.cleaning.named import Named, frame_folders

_OLD_S: Final = 24 * 3600.0
"""Seconds since a file was touched, after which nobody is writing it."""
_TEMPORARY: Final = re.compile(r"\.(?P<of>.+)\.[0-9a-f]{8}\.partial(\.[^.]*)?")
"""How what is being written is called, until it is renamed to what it is."""
_BOOKKEEPING: Final = ".verified.json"
"""Beside cache files: which of them were read whole. Alone it says nothing."""


@dataclass
class Orphans:
    """What could go."""

    files: dict[str, list[Path]] = field(default_factory=dict)
    """By kind; no kind without files."""
    bytes_: dict[str, int] = field(default_factory=dict)
    """That the disk gets back, by kind."""
    freed: int = 0
    """The same of all kinds together, which may be more: of a file's two names, each another's."""
    folders: list[Path] = field(default_factory=list)
    """That hold nothing, or will hold nothing without these files; the deepest first."""
    links: list[Path] = field(default_factory=list)
    """Folders that weren't looked into."""
    in_shards: dict[Path, set[str]] = field(default_factory=dict)
    """Arrays by the shards that hold them."""
    emptied_shards: set[Path] = field(default_factory=set)
    """Of these, what holds nothing else."""
    bytes_in_shards: int = 0

    def __bool__(self) -> bool:
        return bool(self.files or self.folders or self.in_shards)


def orphans_of(workspace: Workspace, named: Named) -> Orphans:
    """Look through the caches, and for temporary files wherever stages write."""
    found = Orphans()
    walk = _Walk(workspace, found.links)
    frames = frame_folders(workspace)
    prepared = [workspace.latents, workspace.text_embeddings]

    arrays = Arrays(workspace, named)
    wanted: dict[Path, Callable[[Path, Path], bool]] = {
        workspace.latents: lambda array, held_by: False,
        workspace.text_embeddings: lambda array, held_by: _wanted(array, held_by, named),
    }

    def unnamed(folder: Path) -> Iterator[Path]:
        for file in walk.files(folder):
            if file.suffix == ".npz" and not file.name.startswith("."):
                needed = arrays.needed(file, file)
                if not (wanted[folder](file, file) if needed is None else needed):
                    yield file

    pictures = (
        file
        for folder in frames
        for file in walk.files(folder)
        if file.suffix == ".png" and not file.name.startswith(".")
    )
    found.files["first frames that nothing names"] = sorted(
        file
        for file in pictures
        if workspace.relative(file) not in named.files and _is_first_frame(file)
    )
    found.files["latents that nothing names"] = sorted(unnamed(workspace.latents))
    found.files["embeddings that nothing names"] = sorted(unnamed(workspace.text_embeddings))
    _look_into_shards(found, arrays, walk, wanted)
    found.files["manifests and indexes of scenarios that are no more"] = sorted(
        one for file in named.gone for one in (file, *_beside(file)) if not walk.behind_link(one)
    )
    written = [workspace.metadata, *frames, workspace.latents.parent]
    written += [workspace.root / "checkpoints", workspace.outputs]
    found.files["leftovers of interrupted writes"] = sorted(
        file for folder in written for file in walk.files(folder) if _is_left_over(file)
    )
    found.files = {kind: files for kind, files in found.files.items() if files}
    found.bytes_ = {kind: _freed(files) for kind, files in found.files.items()}
    found.freed = _freed(file for files in found.files.values() for file in files)
    found.freed += found.bytes_in_shards
    going = {file for files in found.files.values() for file in files} | found.emptied_shards
    found.folders = [one for top in (*prepared, *frames) for one in walk.emptied(top, going)]
    found.folders = [one for one in found.folders if one not in prepared]
    return found


@dataclass(frozen=True)
class _Walk:
    """Goes through folders of a workspace, never through a link."""

    workspace: Workspace
    links: list[Path]

    def behind_link(self, path: Path) -> bool:
        """Whether a link stands between the workspace and what is there."""
        inside = path.relative_to(self.workspace.root).parents
        above = [path, *(self.workspace.root / one for one in inside if one.parts)]
        return any(one.is_symlink() for one in above)

    def files(self, top: Path) -> Iterator[Path]:
        """All files below a folder but links."""
        for folder, _, names in self._folders(top):
            for name in names:
                file = folder / name
                if stat.S_ISREG(file.lstat().st_mode):
                    yield file

    def emptied(self, top: Path, going: set[Path]) -> Iterator[Path]:
        """Folders in which nothing is left without what is going, `top` among them."""
        gone: set[Path] = set()
        for folder, folders, names in self._folders(top, topdown=False):
            left = [name for name in names if name != _BOOKKEEPING and folder / name not in going]
            if not left and gone.issuperset(folder / name for name in folders):
                gone.add(folder)
                yield folder

    def _folders(
        self, top: Path, topdown: bool = True
    ) -> Iterator[tuple[Path, list[str], list[str]]]:
        if self.behind_link(top):
            if top not in self.links:
                self.links.append(top)
            return
        for folder, folders, names in os.walk(top, topdown=topdown, followlinks=False):
            yield Path(folder), folders, names


def remove_folder(folder: Path) -> None:
    """Remove a folder in which nothing is left, if that still is so."""
    try:
        if [one.name for one in folder.iterdir()] == [_BOOKKEEPING]:
            (folder / _BOOKKEEPING).unlink()
        folder.rmdir()
    except OSError:  # somebody has written there meanwhile
        return


def _freed(files: Iterable[Path]) -> int:
    """Bytes that go with files: one with a second name that stays takes as much as before."""
    names: dict[tuple[int, int], list[os.stat_result]] = {}
    for file in files:
        there = file.lstat()
        names.setdefault((there.st_dev, there.st_ino), []).append(there)
    return sum(there[0].st_size for there in names.values() if there[0].st_nlink <= len(there))


def _look_into_shards(
    found: Orphans,
    arrays: Arrays,
    walk: _Walk,
    wanted: Mapping[Path, Callable[[Path, Path], bool]],
) -> None:
    """A shard that can't be read and that no index lists goes whole."""
    named, relative = arrays.named, arrays.workspace.relative
    torn = []
    for folder, of_an_unnamed_one in wanted.items():
        shards = {s.path: s for s in all_shards(folder) if not walk.behind_link(s.path)}
        unneeded = arrays.unneeded(shards.values(), of_an_unnamed_one)
        found.in_shards |= unneeded
        for path, names in unneeded.items():
            found.bytes_in_shards += bytes_of(shards[path], names)
            if names == shards[path].entries.keys():
                found.emptied_shards.add(path)
        torn += [p for p, s in shards.items() if not s.entries and relative(p) not in named.files]
    found.files["shards that can't be read"] = sorted(torn)


def _wanted(array: Path, held_by: Path, named: Named) -> bool:
    """Whether it is of a prompt that something asks for, by an encoder that something names; one
    that nothing names may belong to a stage that was interrupted before it wrote its index."""
    if array.stem not in named.prompts:
        return False
    return array.parent.name in named.encoders or not _is_old(held_by)


def _is_first_frame(file: Path) -> bool:
    """Whether the picture is such as the project makes; of another size it is somebody's own."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            return picture.format == "PNG" and picture.size == (WIDTH, HEIGHT)
    except OSError:
        return False


def _is_left_over(file: Path) -> bool:
    return _TEMPORARY.fullmatch(file.name) is not None and _is_old(file)


def _is_old(file: Path) -> bool:
    there = file.lstat()  # a second name has its file's time of modification
    return time.time() - max(there.st_mtime, there.st_ctime) > _OLD_S


def _beside(document: Path) -> Iterator[Path]:
    """What only remembers what was looked at for a document."""
    for name in (f".{document.stem}_stat_cache.json", f".{document.stem}_looked_at.json"):
        if document.with_name(name).is_file():
            yield document.with_name(name)

"""Which video files there are, by name, size and time: in the dataset's folder or at its URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from slora_assets.config.data import DatasetSettings
from slora_assets.config.dataset_files import (
    SELDOM_VIDEO,
    ending_of,
    files_in,
    is_other,
    is_text,
    is_video,
    without_ending,
)
from slora_assets.config.errors import CurationError, MissingInputError
from slora_assets.config.text import tidy
from slora_assets.config.workspace import Workspace
from slora_assets.documents import FootageFile
from slora_assets.storage.footage_at_url import is_url
from slora_assets.storage.footage_copies import FOLDER, Stat, is_at_url


class Listed(Protocol):
    """A file of a folder, or an object at a URL."""

    def stat(self) -> os.stat_result | Stat:
        """Its size and time, or version."""
        ...


@dataclass(frozen=True)
class FootageListing:
    """Files whose names are a video's, or might be meant as one: none is opened."""

    where: str
    """The folder, or the URL."""
    folder: Path
    """Where the files lie, or copies of them."""
    entries: Mapping[str, Listed]
    """By name."""

    def begin(self) -> None:
        """Make ready for files to be opened: copies of a URL's files are of what was listed."""
        if is_url(self.where):
            from slora_assets.storage.footage_objects import begin_copies

            found = {name: Stat(*_known_by(one)) for name, one in self.entries.items()}
            begin_copies(self.folder, self.where, found)

    def videos(self) -> dict[str, Path]:
        """Video files by clip id (the file's stem), sorted. Raises CurationError for two of one."""
        found: dict[str, Path] = {}
        names = sorted(
            filter(is_video, self.entries), key=lambda name: (_is_seldom_video(name), name)
        )
        for name in names:
            stem = without_ending(tidy(name) if is_text(name) else name)
            if stem in found and not _is_seldom_video(name):
                raise CurationError(
                    "two files hold one clip",
                    file=None if is_url(self.where) else self.folder,
                    key=stem,
                    found=[found[stem].name, name],
                    remedy="keep one of them",
                )
            found.setdefault(stem, self.folder / name)
        return dict(sorted(found.items()))

    def others(self) -> dict[str, str]:
        """Names of files whose ending is no video's that is known, by clip id."""
        names = sorted(filter(is_other, self.entries), reverse=True)
        return {without_ending(name.rpartition(".")[0]) or name: name for name in names}

    def stat(self, path: Path) -> os.stat_result | Stat:
        """A listed file's size, and the time or the version that tells its bytes from others."""
        return self.entries[path.name].stat()


def list_footage(dataset: DatasetSettings, workspace: Workspace) -> FootageListing:
    """The files as they are now. Raises MissingInputError for a folder that isn't there;
    StoreError, ConfigError for a URL that can't be listed."""
    if is_url(dataset.footage):
        from slora_assets.storage.footage_objects import listed

        objects = {name: _Object(stat) for name, stat in listed(dataset.footage).items()}
        if not objects:
            raise MissingInputError(
                "there is no file at the footage's URL",
                file=workspace.dataset_file,
                key="footage",
                found=dataset.footage,
                remedy="correct the URL: files directly below it are read, none that lie deeper",
            )
        wanted = {name: one for name, one in objects.items() if _is_wanted(name)}
        return FootageListing(dataset.footage, workspace.raw(dataset.name) / FOLDER, wanted)
    folder = footage_folder(dataset, workspace)
    entries = {entry.name: entry for entry in files_in(folder, _is_wanted)}
    return FootageListing(str(folder), folder, entries)


def footage_folder(dataset: DatasetSettings, workspace: Workspace) -> Path:
    """The folder of the video files. Raises MissingInputError."""
    folder = workspace.root / dataset.footage
    if not folder.is_dir():
        raise MissingInputError(
            "the footage is no folder" if folder.exists() else "the footage folder does not exist",
            file=folder,
            key="footage",
            remedy="run `make data`"
            if dataset.obtain and not folder.exists()
            else "provide the folder",
        )
    return folder


def stat_by_content(path: Path, file: FootageFile) -> Stat | None:
    """What stands for the stat of a file at a URL whose copy may be gone: its bytes. None for a
    file that is here anyway."""
    return Stat(file.bytes_, int(file.sha256[:15], 16)) if is_at_url(path) else None


@dataclass(frozen=True)
class _Object:
    found: Stat

    def stat(self) -> Stat:
        return self.found


def _known_by(entry: Listed) -> tuple[int, int]:
    stat = entry.stat()
    return stat.st_size, stat.st_mtime_ns


def _is_wanted(name: str) -> bool:
    return is_video(name) or is_other(name)


def _is_seldom_video(name: str) -> bool:
    return ending_of(name) in SELDOM_VIDEO

"""Which files a dataset's settings name: annotations, lists of splits, footage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from slora_assets.config.data import DatasetSettings
from slora_assets.config.errors import CurationError, MissingInputError
from slora_assets.config.workspace import Workspace

_ENDINGS: Final = {
    "MP4": (".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v"),
    "Matroska": (".mkv", ".webm"),
    "AVI": (".avi", ".divx"),
    "MPEG": (".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob"),
    "MPEG transport": (".ts", ".mts", ".m2ts", ".m2t"),
    "ASF": (".wmv", ".asf"),
    "FLV": (".flv",),
    "Ogg": (".ogv", ".ogm", ".ogg"),
    "GIF": (".gif",),
}
VIDEO_SUFFIXES: Final = frozenset(ending for endings in _ENDINGS.values() for ending in endings)
"""Endings of the containers that `footage` reads; what a file is, its content says."""
_SELDOM_VIDEO: Final = frozenset({".gif", ".ogg"})
"""Endings of previews and sounds, too: they hold a clip where no other file has its name."""


def annotation_sources(dataset: DatasetSettings, workspace: Workspace) -> list[Path]:
    """The annotation files, or folders of them. Raises MissingInputError for an absent one."""
    return _existing(dataset, workspace, dataset.annotations, "annotations")


def split_files(dataset: DatasetSettings, workspace: Workspace) -> dict[str, list[Path]]:
    """Files that say which split a clip is in. Raises MissingInputError for an absent one."""
    return {
        split: _existing(dataset, workspace, names, f"official_splits.{split}")
        for split, names in dataset.official_splits.items()
    }


def annotation_files(dataset: DatasetSettings, workspace: Workspace) -> list[Path]:
    """All files that annotations are read from. Raises MissingInputError for an absent one."""
    files: list[Path] = []
    for source in annotation_sources(dataset, workspace):
        if source.is_dir():
            files += sorted(path for path in source.iterdir() if is_caption(path.name))
        else:
            files.append(source)
    return files + [file for found in split_files(dataset, workspace).values() for file in found]


def is_caption(name: str) -> bool:
    """Whether a file of this name, beside a video, holds its captions."""
    return name.endswith((".txt", ".json"))


def _existing(
    dataset: DatasetSettings, workspace: Workspace, names: list[str], key: str
) -> list[Path]:
    paths = [workspace.root / name for name in names]
    for path in paths:
        if not path.exists():
            raise MissingInputError(
                "the annotation file does not exist",
                file=path,
                key=key,
                remedy="run `make data`" if dataset.obtain else "provide the file",
            )
    return paths


def footage_folder(dataset: DatasetSettings, workspace: Workspace) -> Path:
    """The folder of the video files. Raises MissingInputError."""
    folder = workspace.root / dataset.footage
    if not folder.is_dir():
        raise MissingInputError(
            "the footage folder does not exist",
            file=folder,
            key="footage",
            remedy="run `make data`" if dataset.obtain else "provide the folder",
        )
    return folder


def is_video(name: str) -> bool:
    """Whether a file of this name holds a clip."""
    return not name.startswith(".") and _ending(name) in VIDEO_SUFFIXES


def _ending(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{dot}{ending}".lower() if stem else ""


def footage_files(dataset: DatasetSettings, workspace: Workspace) -> dict[str, Path]:
    """Video files by clip id (the file's stem), sorted. Raises MissingInputError, CurationError."""
    folder = footage_folder(dataset, workspace)
    found: dict[str, Path] = {}
    names = sorted(
        _names(folder, is_video), key=lambda name: (_ending(name) in _SELDOM_VIDEO, name)
    )
    for name in names:
        stem = name.rpartition(".")[0]
        if stem in found and _ending(name) not in _SELDOM_VIDEO:
            raise CurationError(
                "two files hold one clip",
                file=folder,
                key=stem,
                found=[found[stem].name, name],
                remedy="keep one of them",
            )
        found.setdefault(stem, folder / name)
    return dict(sorted(found.items()))


def is_other(name: str) -> bool:
    """Whether a file of this name is neither a clip nor a clip's captions."""
    return not (name.startswith(".") or is_video(name) or is_caption(name))


def other_files(dataset: DatasetSettings, workspace: Workspace) -> dict[str, str]:
    """Names of files whose ending is no video's that is known, by stem. Raises
    MissingInputError."""
    folder = footage_folder(dataset, workspace)
    names = sorted(_names(folder, is_other), reverse=True)
    return {name.rpartition(".")[0] or name: name for name in names}


def _names(folder: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """The folder's files, through links, too."""
    with os.scandir(folder) as entries:  # knows what is a file without asking for each
        yield from (e.name for e in entries if wanted(e.name) and is_there(e))


def is_there(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, at the end of whatever links; links in a circle have no end."""
    try:
        return entry.is_file()
    except OSError:
        return False

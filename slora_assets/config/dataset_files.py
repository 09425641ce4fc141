"""Which files a dataset's settings name: annotations and lists of splits; and what the names of
files beside them say. Footage: `footage/files.py`."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from slora_assets.config.data import DatasetSettings
from slora_assets.config.errors import MissingInputError
from slora_assets.config.splits import OfficialSplit
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
SELDOM_VIDEO: Final = frozenset({".gif", ".ogg"})
"""Endings of previews and sounds, too: they hold a clip where no other file has its name."""


def annotation_sources(dataset: DatasetSettings, workspace: Workspace) -> list[Path]:
    """The annotation files, or folders of them. Raises MissingInputError for an absent one."""
    return _existing(dataset, workspace, dataset.annotations, "annotations")


def split_files(dataset: DatasetSettings, workspace: Workspace) -> dict[OfficialSplit, list[Path]]:
    """Files that say which split a clip is in. Raises MissingInputError for an absent one."""
    return {
        split: _existing(dataset, workspace, names, f"official_splits.{split}")
        for split, names in dataset.official_splits.items()
    }


def licence_files(dataset: DatasetSettings, workspace: Workspace) -> list[Path]:
    """Lists of clips' own licences. Raises MissingInputError for an absent one."""
    return _existing(dataset, workspace, dataset.clip_licences, "clip_licences")


def annotation_files(dataset: DatasetSettings, workspace: Workspace) -> list[Path]:
    """All files that annotations are read from. Raises MissingInputError for an absent one."""
    files: list[Path] = []
    for source in annotation_sources(dataset, workspace):
        if source.is_dir():
            files += caption_files(source)
        else:
            files.append(source)
    files += [file for found in split_files(dataset, workspace).values() for file in found]
    return files + licence_files(dataset, workspace)


def annotation_names(dataset: DatasetSettings, workspace: Workspace) -> dict[str, Path]:
    """Those files by the name that records have for them: their own, or their path where another
    has the same."""
    files = list(dict.fromkeys(annotation_files(dataset, workspace)))
    times = Counter(file.name for file in files)
    return {
        file.name if times[file.name] == 1 else workspace.relative(file): file for file in files
    }


def is_caption(name: str) -> bool:
    """Whether a file of this name, beside a video, holds its captions."""
    return not name.startswith(".") and name.lower().endswith((".txt", ".json"))


def caption_files(folder: Path) -> list[Path]:
    """The files of captions in a folder, sorted."""
    names = (entry.name for entry in files_in(folder, is_caption))
    return sorted(folder / name for name in names if is_text(name))


def files_in(folder: Path, wanted: Callable[[str], bool]) -> Iterator[os.DirEntry[str]]:
    """The files of a folder whose names are wanted; no folders, and no links that lead nowhere."""
    with os.scandir(folder) as entries:  # knows what is a file without asking for each
        for entry in entries:
            if wanted(entry.name) and _is_file(entry):
                yield entry


def is_text(name: str) -> bool:
    """Whether a file's name is UTF-8: Python makes surrogates of bytes that aren't."""
    return name.isascii() or not re.search("[\ud800-\udfff]", name)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a loop of links
        return False


def _existing(
    dataset: DatasetSettings, workspace: Workspace, names: list[str], key: str
) -> list[Path]:
    paths = [_packed_or_not(workspace.root / name) for name in names]
    for path in paths:
        if not path.exists():
            raise MissingInputError(
                "the annotation file does not exist",
                file=path,
                key=key,
                remedy="run `make data`" if dataset.obtain else "provide the file",
            )
    return paths


def _packed_or_not(path: Path) -> Path:
    """The file, or the same one packed or unpacked: `.json`, `.json.gz` and `.json.xz` are read
    alike."""
    plain = path.with_suffix("") if path.suffix in (".gz", ".xz") else path
    if path.exists() or plain.suffix != ".json":
        return path
    others = (plain.with_name(f"{plain.name}{ending}") for ending in ("", ".gz", ".xz"))
    return next((other for other in others if other.exists()), path)


def without_ending(name: str) -> str:
    """A clip's id, of the name of its file."""
    return name.rpartition(".")[0].rstrip() if is_video(name) else name


def is_video(name: str) -> bool:
    """Whether a file of this name holds a clip."""
    return not name.startswith(".") and ending_of(name) in VIDEO_SUFFIXES


def ending_of(name: str) -> str:
    """A file's ending with its dot, in small letters; empty where it has none."""
    stem, dot, ending = name.rpartition(".")
    return f"{dot}{ending}".lower() if stem else ""


def is_other(name: str) -> bool:
    """Whether a file of this name is neither a clip nor a clip's captions."""
    return not (name.startswith(".") or is_video(name) or is_caption(name))

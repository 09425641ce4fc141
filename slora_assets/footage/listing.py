"""What the footage looks like from outside: names, sizes and times, without opening a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from slora_assets.config.data import DatasetSettings
from slora_assets.config.dataset_files import (
    annotation_sources,
    files_in,
    is_caption,
    licence_files,
    split_files,
)
from slora_assets.config.workspace import Workspace
from slora_assets.footage.files import FootageListing, Listed, list_footage
from slora_assets.provenance import sha256_bytes, write_text


def listing_hash(
    dataset: DatasetSettings, workspace: Workspace, footage: FootageListing | None = None
) -> str:
    """Over name, size and modification time of every video and annotation file, and of what may be
    meant as one.

    It changes while a file still grows, and whenever an inventory would have to look again.
    `footage`: as listed already. Raises what `list_footage` does, MissingInputError for absent
    annotations, and FileNotFoundError for a file that goes while it is listed.
    """
    footage = footage or list_footage(dataset, workspace)
    lines = [footage.where, *sorted(_named(footage.entries))]
    for source in annotation_sources(dataset, workspace):
        lines.append(str(source))
        lines += sorted(_inside(source)) if source.is_dir() else [_stamp(source)]
    for split, files in split_files(dataset, workspace).items():
        lines += [f"{split} {file} {_stamp(file)}" for file in files]
    lines += [f"licences {file} {_stamp(file)}" for file in licence_files(dataset, workspace)]
    return sha256_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))


def remember_listing(workspace: Workspace, listing: str) -> None:
    """Note, beside the inventory, of which listing it was taken."""
    write_text(_file_of(workspace), listing)


def last_listing(workspace: Workspace) -> str:
    """The listing that the inventory was taken of; empty if unknown."""
    file = _file_of(workspace)
    return file.read_text("utf-8") if file.is_file() else ""


def _file_of(workspace: Workspace) -> Path:
    return workspace.metadata / ".footage_listing"


def _inside(folder: Path) -> Iterator[str]:
    return _named({entry.name: entry for entry in files_in(folder, is_caption)})


def _named(entries: Mapping[str, Listed]) -> Iterator[str]:
    for name, entry in entries.items():
        stat = entry.stat()
        yield f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}"


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size}\0{stat.st_mtime_ns}"

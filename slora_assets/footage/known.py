"""What is known of the footage without opening a file, and without writing one: for whoever only
wants to see what would come of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slora_assets.config.data import DatasetSettings
from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import FootageFile, Inventory
from slora_assets.footage.files import list_footage
from slora_assets.provenance.inventories import read_inventory


@dataclass(frozen=True)
class KnownFootage:
    """The files that are there now, with what the last inventory says of them."""

    inventory: Inventory
    """Not to be written: files that no inventory knows stand in it as usable."""
    files: int
    unseen: int
    """So many of them no inventory knows."""


def known_footage(dataset: DatasetSettings, workspace: Workspace) -> KnownFootage:
    """The footage as last looked at, with the files that have come since and without those gone.

    No folder of footage is no file. Raises CurationError for two files of one clip, IntegrityError
    for an inventory that can't be read.
    """
    try:
        files = list_footage(dataset, workspace).videos()
    except MissingInputError:
        files = {}
    last = _last_inventory(dataset, workspace)
    rejects = [one for one in last.rejects if one.clip_id in files]
    known = last.files.keys() | {one.clip_id for one in rejects}
    unseen = {clip: _unseen(workspace.relative(files[clip])) for clip in files.keys() - known}
    usable = {clip: file for clip, file in last.files.items() if clip in files} | unseen
    inventory = last.model_copy(update={"files": usable, "rejects": rejects})
    return KnownFootage(inventory, len(files), len(unseen))


def _last_inventory(dataset: DatasetSettings, workspace: Workspace) -> Inventory:
    """The written one, if it is of this dataset."""
    nothing = Inventory(dataset=dataset.name, annotations={}, files={}, rejects=[])
    try:
        last = read_inventory(workspace)
    except MissingInputError:
        return nothing
    return last if last.dataset == dataset.name else nothing


def _unseen(path: str) -> FootageFile:
    """A file that no filter refuses: what it holds nobody knows yet."""
    return FootageFile(
        path=path,
        sha256="",
        bytes_=0,
        width=0,
        height=0,
        fps=0.0,
        duration_s=None,
        codec="",
        motion=math.inf,
    )

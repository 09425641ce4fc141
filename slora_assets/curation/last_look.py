"""What the metadata were made from, beside them: so that one can see without opening a video
whether they would come out otherwise now.

A convenience, as stat caches are: without it the data are made again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.documents.document import Document
from slora_assets.footage.listing import last_listing
from slora_assets.provenance import object_hash, write_json
from slora_assets.provenance.code import package_hash
from slora_assets.provenance.records import read_document
from slora_assets.provenance.takedowns import head_of

CURATION_VERSION: Final = 2
"""Raise it when a change of the code changes how clips are sorted."""


class LastLook(Document):
    """The footage as it was listed, and the settings that it was sorted with."""

    listing: str
    """See `listing_hash`; empty when the inventory was not taken from files."""
    settings: str
    code: str = ""
    """Of the package that sorted; empty when nobody knows."""


def settings_hash(
    dataset: DatasetSettings, scenarios: ScenariosSettings, workspace: Workspace
) -> str:
    """Over everything that curation is told, by configuration, by the list of takedowns and by its
    own code. Raises IntegrityError for a list that isn't whole."""
    told: list[object] = [dataset.model_dump(mode="json"), scenarios.model_dump(mode="json")]
    taken = head_of(workspace)
    return object_hash([CURATION_VERSION, *told, *([taken] if taken else [])])


def remember_look(
    dataset: DatasetSettings, scenarios: ScenariosSettings, workspace: Workspace
) -> None:
    """Note what the metadata, just written, were made from."""
    look = LastLook(
        listing=last_listing(workspace),
        settings=settings_hash(dataset, scenarios, workspace),
        code=package_hash(),
    )
    write_json(_file(workspace), look.model_dump(mode="json"))


def last_look(workspace: Workspace) -> LastLook | None:
    """What the metadata were made from; None when nobody knows."""
    if not workspace.scenario_metadata.is_file():
        return None
    try:
        return read_document(_file(workspace), LastLook, what="a note of curation", remedy="")
    except SloraError:
        return None


def _file(workspace: Workspace) -> Path:
    return workspace.metadata / ".last_look.json"

"""What lies in a store beside the objects: commits, and lists of the files of one part of a
workspace. Readers believe only what the newest commit names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slora_assets.documents.document import Document

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StoredFile(Document):
    """A file's bytes."""

    sha256: _Sha256
    bytes_: Annotated[int, Field(ge=0)]
    """Its size."""


class StoredPart(Document):
    """The files of one part of a workspace (`latents/<scenario>`, `runs/<run>`), an object itself;
    of a generated clip the mark that is written last, `artifacts/<id>/commit.json`."""

    schema_version: Literal[1] = 1
    part: str
    files: dict[str, StoredFile]
    """By path, relative to the workspace."""


class PartEntry(Document):
    """What a commit says of a part."""

    sha256: _Sha256
    """Of its list of files."""
    bytes_: int
    """Size of that list."""
    files: int
    """How many files it names."""
    total_bytes: int
    """Size of all of them."""


class StoreCommit(Document):
    """`commits/<number>.json`: all parts as they stand after one publication. Written last, once,
    and never again: whoever comes second under a number takes the next."""

    schema_version: Literal[1] = 1
    number: Annotated[int, Field(ge=1)]
    id: str
    """Random, so that a writer knows its own again."""
    previous: str | None
    """Hash of the commit before; null of the first."""
    time: str
    host: str
    """Where it was pushed from."""
    changed: list[str]
    """The parts that are others than before."""
    parts: dict[str, PartEntry]


class FootageUrl(Document):
    """`data/raw/<dataset>/at_url.json`: where the files lie that `at_url/` beside it has copies
    of."""

    schema_version: Literal[1] = 1
    url: str

"""`data/metadata/latents/<scenario>.json` and `prompt_embeddings/<scenario>.json`: the files that
were encoded for a scenario."""

from __future__ import annotations

from typing import Literal

from slora_assets.documents.document import Document
from slora_assets.documents.models import BaseIdentity

CacheName = Literal["latents", "prompt_embeddings"]


class CachedFile(Document):
    """One file of a cache."""

    path: str
    """Relative to the workspace."""
    sha256: str
    """Of its bytes."""


class ShardedArray(CachedFile):
    """One array of a shard, which `path` and `sha256` speak of."""

    entry: str
    """Its name in the shard."""
    array_sha256: str
    """Of the array's bytes."""


class CacheIndex(Document):
    """The index, whole."""

    schema_version: Literal[1] = 1
    cache: CacheName
    scenario: str
    base: BaseIdentity
    """Whose VAE or text encoder made the files."""
    files: dict[str, ShardedArray | CachedFile]
    """By clip id, or by prompt."""

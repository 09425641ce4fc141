"""Cached moments and embeddings as training and validation read them: verified, once while memory
lasts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from slora_assets.caches.index import Recorded, recorded
from slora_assets.caches.shard_reading import ShardReader
from slora_assets.caches.validity import Key, latent_key, read_array, text_file, text_key
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import BaseIdentity, Clip, Geometry
from slora_assets.provenance import sha256_file

Array = NDArray[np.float16]

_REMEDY = "run `make preprocess`"


class CacheReader:
    """The caches of one base, in files or shards as the indexes say. Each array's key and bytes are
    compared when it is read."""

    def __init__(
        self,
        workspace: Workspace,
        identity: BaseIdentity,
        geometry: Geometry,
        capacity_bytes: int = 0,
    ) -> None:
        """Arrays stay in memory up to `capacity_bytes`; the one unused for longest leaves."""
        self._workspace, self._identity, self._geometry = workspace, identity, geometry
        self._arrays: LRUCache[Path, Array] = LRUCache(capacity_bytes, lambda array: array.nbytes)
        self._shards = ShardReader()

    def moments(self, clip: Clip) -> Array:
        """The moments [2C, F, H, W] of a clip. Raises MissingInputError, IntegrityError."""
        path = self._workspace.root / clip.latent
        key = latent_key(clip, self._identity, self._geometry)
        return self._read(path, "moments", key)

    def embedding(self, prompt: str) -> Array:
        """The embedding [L, D] of a prompt. Raises MissingInputError, IntegrityError."""
        path = self.embedding_file(prompt)
        return self._read(path, "embedding", text_key(prompt, self._identity))

    def embedding_file(self, prompt: str) -> Path:
        """Where a prompt's embedding lies, if it was cached in a file of its own."""
        return text_file(self._workspace.text_embeddings, prompt, self._identity)

    def check_present(self, clips: Iterable[Clip], prompts: Iterable[str]) -> None:
        """Raise MissingInputError naming how many files are lacking, before anything is loaded. The
        empty prompt is among those that are wanted."""
        wanted = [self._workspace.root / clip.latent for clip in clips]
        wanted += [self.embedding_file(text) for text in sorted({"", *prompts})]
        lacking = [path for path in wanted if not path.is_file()]
        if lacking:
            arrays = self._recorded.arrays
            shards = {one.path for one in arrays.values()}
            gone = {path for path in shards if not path.is_file()}
            lacking = [p for p in lacking if p not in arrays or arrays[p].path in gone]
        if lacking:
            raise MissingInputError(
                f"{len(lacking)} cache files are missing", file=lacking[0], remedy=_REMEDY
            )

    @cached_property
    def _recorded(self) -> Recorded:
        return recorded(self._workspace)

    def _refuse_other_bytes(self, path: Path) -> None:
        """A key says what an array was made from; an array exchanged under it is told by bytes."""
        expected = self._recorded.files.get(path)
        if expected is None or not path.is_file():
            return
        found = sha256_file(path)
        if found != expected:
            raise IntegrityError(
                "the cache file is not the one that was encoded",
                file=path,
                found=found,
                expected=expected,
                remedy=f"delete it and {_REMEDY}",
            )

    def _read(self, path: Path, name: str, key: Key) -> Array:
        found = self._arrays.get(path)
        if found is None:
            there = self._recorded.arrays.get(path)
            if there is not None:
                found = self._shards.read(there, key, _REMEDY)
            else:
                self._refuse_other_bytes(path)
                found = read_array(path, name, key, _REMEDY)
            with suppress(ValueError):  # an array that alone is larger than the capacity
                self._arrays[path] = found
        return found

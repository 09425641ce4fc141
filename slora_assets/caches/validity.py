"""Cache files and their validity: here, and only here, is decided whether a latent may be reused.

A file holds an array and its `key`, everything its bytes depend on. Another key means another file:
it is encoded again, never reused. Files are uncompressed npz without time stamps.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.documents import BaseIdentity, Clip, Geometry
from slora_assets.footage.versions import DECODE_VERSION
from slora_assets.provenance import StatCache, object_hash, same_as, sha256_bytes, write_bytes

Key = dict[str, Any]

_VERIFIED: Final = ".verified.json"


def latent_key(clip: Clip, identity: BaseIdentity, geometry: Geometry) -> Key:
    """What a clip's moments depend on."""
    return {
        "clip": clip.sha256,
        "decode": {
            "version": DECODE_VERSION,
            "start_s": clip.start_s,
            "end_s": clip.end_s,
            **geometry.model_dump(mode="json"),
        },
        "base": identity.name,
        "revision": identity.revision,
        "vae": identity.parts["vae"],
        "dtype": "float16",
        "tiling": False,
    }


def text_key(prompt: str, identity: BaseIdentity) -> Key:
    """What a prompt's embedding depends on."""
    return {
        "prompt": prompt,
        "base": identity.name,
        "revision": identity.revision,
        "text_encoder": identity.parts["text_encoder"],
        "dtype": "float16",
    }


def text_file(folder: Path, prompt: str, identity: BaseIdentity) -> Path:
    """`<text encoder>/<caption hash>.npz` below `folder`."""
    return _text_file(folder, identity.parts["text_encoder"][:16], prompt)


@lru_cache(maxsize=2**14)
def _text_file(folder: Path, encoder: str, prompt: str) -> Path:
    """Asked for by each stage and check that reads a scenario's embeddings."""
    return folder / f"{encoder}/{sha256_bytes(prompt.encode())}.npz"


def write_array(path: Path, name: str, array: NDArray[np.float16], key: Key) -> None:
    """Write one cache file. Raises IntegrityError for an array that isn't finite."""
    refuse_not_finite(path, name, array)
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: array, "key": np.array(json.dumps(key, sort_keys=True))}
    np.savez(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def refuse_not_finite(path: Path, name: str, array: NDArray[np.float16]) -> None:
    """Raise IntegrityError for an array, to be kept at `path`, with NaN or infinity in it."""
    if not np.isfinite(array).all():
        raise IntegrityError(
            "the model returned NaN or infinity",
            file=path,
            key=name,
            remedy="check the precision the model runs in",
        )


class _Known(TypedDict):
    """What was found in a file that was read whole."""

    key: str
    """Digest of its key."""
    shape: list[int]


class Verified:
    """Which files of a folder were read whole, with which key and shape.

    A file that hasn't changed since (size, time of modification) is not read again.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._inside, self._name = folder, f"{folder}{os.sep}", name
        self._cache: StatCache[_Known] = StatCache(folder / _VERIFIED, forget=False)

    def shape(self, path: Path, key: Key, remedy: str) -> tuple[int, ...]:
        """Shape of the finite array in a file that must have `key`; raises as `read_array` does,
        and IntegrityError for NaN and infinity."""
        known = self._cache.get(path, self._entry(path))
        if known is None or known["key"] != key_digest(key):
            array = read_array(path, self._name, key, remedy)
            if not np.isfinite(array).all():
                raise IntegrityError("not finite", file=path, key=self._name, remedy=remedy)
            self.wrote(path, key, array.shape)
            return array.shape
        return tuple(known["shape"])

    def stands(self, path: Path, key: Key) -> bool:
        """Is there a whole file with exactly this key? A torn, foreign or outdated one is none."""
        try:
            self.shape(path, key, "")
        except (IntegrityError, MissingInputError):
            return False
        return True

    def wrote(self, path: Path, key: Key, shape: tuple[int, ...]) -> None:
        """Remember a file that was just written or read."""
        known = _Known(key=key_digest(key), shape=list(shape))
        self._cache.put(path, self._entry(path), known)

    def adopt(self, wanted: Mapping[Path, Key]) -> set[Path]:
        """Those of the wanted files that stand under another name in this folder or in one beside
        it; they are there afterwards."""
        found = self.elsewhere(wanted)
        for path, (source, shape) in found.items():
            same_as(source, path)
            self.wrote(path, wanted[path], shape)
        return set(found)

    def elsewhere(self, wanted: Mapping[Path, Key]) -> dict[Path, tuple[Path, tuple[int, ...]]]:
        """Those of the wanted files that stand under another name in this folder or in one beside
        it: where, and of which shape."""
        if not wanted:
            return {}
        beside = sorted(file.parent for file in self._folder.parent.glob(f"*/{_VERIFIED}"))
        others = [Verified(folder, self._name) for folder in beside if folder != self._folder]
        sources = [(verified, verified._by_key()) for verified in (self, *others)]
        found = {}
        for path, key in wanted.items():
            for verified, by_key in sources:
                source = by_key.get(key_digest(key))
                if source is not None and source != path and verified.stands(source, key):
                    found[path] = source, verified.shape(source, key, "")
                    break
        return found

    def _by_key(self) -> dict[str, Path]:
        """Files that were read or written before, by the digest of their key."""
        return {known["key"]: self._folder / name for name, known in self._cache.before()}

    def save(self) -> None:
        """Write what is known; without it files are read again, nothing else."""
        self._cache.save()

    def _entry(self, path: Path) -> str:
        return str(path).removeprefix(self._inside)


def key_digest(key: Key) -> str:
    """What tells keys apart in a few bytes."""
    return sha256_bytes(orjson.dumps(key, option=orjson.OPT_SORT_KEYS))


def read_array(path: Path, name: str, key: Key, remedy: str) -> NDArray[np.float16]:
    """Read a cache file that must have `key`.

    Raises MissingInputError when it is absent, IntegrityError when it is damaged or was made from
    something else; the message names the parts of the key that differ.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = json.loads(str(archive["key"]))
            refuse_other_key(path, found, key, remedy)
            array: NDArray[np.float16] = archive[name]
            return array
    except FileNotFoundError as error:
        raise MissingInputError(
            "the cache file does not exist", file=path, remedy=remedy
        ) from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise IntegrityError(
            f"the cache file is damaged ({error})", file=path, remedy=remedy
        ) from error


def refuse_other_key(path: Path, found: Key, key: Key, remedy: str) -> None:
    """Raise IntegrityError naming the parts by which the key of an array isn't the wanted one."""
    if found != key:
        differing = sorted(k for k in {*found, *key} if found.get(k) != key.get(k))
        raise IntegrityError(
            "the cached array was made from something else",
            file=path,
            key=", ".join(differing),
            found={k: found.get(k) for k in differing},
            expected=str({k: key.get(k) for k in differing}),
            remedy=remedy,
        )


def keys_hash(keys: dict[str, Key]) -> str:
    """Hash over the keys of a set of cache files: their data version."""
    return object_hash({name: object_hash(key) for name, key in keys.items()})

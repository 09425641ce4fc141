"""The keys that clients show the service: made here, shown once, kept as hashes.

The file lies beside the signing key, outside of every workspace: whoever can write a workspace must
not let themselves in. A key is 256 random bits, so nobody guesses one, and a plain SHA-256 keeps it
as well as a slow hash would, which every request would have to pay for.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from filelock import FileLock
from pydantic import ValidationError

from slora_assets.config.errors import ConfigError, IntegrityError, complaint
from slora_assets.documents.api_keys import ApiKey, ApiKeys, Scope
from slora_assets.provenance import file_stamp, json_text, read_json, replacing, sha256_bytes
from slora_assets.provenance.keys import keys_folder

PREFIX: Final = "slora_"
"""Of every key, so that it is known for what it is wherever it turns up."""

_REMEDY: Final = "delete the file and make new keys with `slora api-keys add`"


def api_keys_file() -> Path:
    """Where the keys of this user's services are kept."""
    return keys_folder() / "api_keys.json"


def read_keys(file: Path) -> tuple[ApiKey, ...]:
    """All keys that were ever made. Raises IntegrityError for a file that isn't slora's."""
    stamp = file_stamp(file)
    return _read(file, stamp) if stamp else ()


def known_key(keys: Iterable[ApiKey], shown: str, now: datetime) -> ApiKey | None:
    """The valid key that a client shows."""
    found = sha256_bytes(shown.encode())
    for key in keys:  # none is told from another by how long the comparison takes
        if hmac.compare_digest(key.sha256, found) and key.state(now) == "valid":
            return key
    return None


def add_key(
    file: Path, name: str, scopes: Iterable[Scope], days: int | None = None
) -> tuple[ApiKey, str]:
    """Make a key; returns how it is kept, and the key itself, which nobody can tell again."""
    now = _now()
    number = secrets.token_hex(4)
    shown = f"{PREFIX}{number}_{secrets.token_urlsafe(32)}"
    try:
        key = ApiKey(
            id=number,
            name=name.strip(),
            scopes=tuple(one for one in Scope if one in set(scopes)),
            sha256=sha256_bytes(shown.encode()),
            created=now,
            expires=None if days is None else now + timedelta(days=days),
        )
    except (ValidationError, OverflowError) as error:
        raise ConfigError(
            "a key can't be made so",
            found=name if days is None else f"{name}, {days} days",
            expected="a name of 1 to 60 characters that can be printed, and an end before 9999",
        ) from error
    _change(file, lambda keys: (*keys, key))
    return key, shown


def revoke_key(file: Path, which: str) -> ApiKey:
    """Let a key, named by its id or its name, in no more. Raises ConfigError for none or several of
    that name."""
    valid = [one for one in read_keys(file) if one.state(_now()) == "valid"]
    found = [one for one in valid if which in (one.id, one.name)]
    if len(found) != 1:
        raise ConfigError(
            "no valid key has this id or name" if not found else "several keys have this name",
            found=which,
            expected="an id" if found else None,
            remedy="see `slora api-keys list`",
        )
    ended = found[0].model_copy(update={"revoked": _now()})
    _change(file, lambda keys: tuple(ended if one.id == ended.id else one for one in keys))
    return ended


def _change(file: Path, how: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]]) -> None:
    """Write the file anew, readable by its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(file.with_suffix(".lock")):
        kept = ApiKeys(keys=how(read_keys(file)))
        with replacing(file) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(json_text(kept.model_dump(mode="json")), "utf-8")


@lru_cache(maxsize=4)
def _read(file: Path, stamp: tuple[int, ...]) -> tuple[ApiKey, ...]:
    """The keys as they stood at `stamp`."""
    found = read_json(file, remedy=_REMEDY)
    try:
        return ApiKeys.model_validate(found).keys
    except ValidationError as error:
        raise IntegrityError(
            "the keys of the API can't be read",
            file=file,
            found=complaint(error.errors()[0]),
            expected="what `slora api-keys add` wrote",
            remedy=_REMEDY,
        ) from error


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)

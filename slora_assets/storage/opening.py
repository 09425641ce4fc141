"""Opening a store, or the URL of a dataset's footage: once per process."""

from __future__ import annotations

import os
from functools import lru_cache

from slora_assets.config.environment import STORE
from slora_assets.config.errors import ConfigError
from slora_assets.storage.store import Store


def store_url() -> str | None:
    """The store that the environment names."""
    return (os.environ.get(STORE) or "").rstrip("/") or None


def store_from_environment() -> Store:
    """The store that `SLORA_STORE` names. Raises ConfigError where it names none."""
    url = store_url()
    if url is None:
        raise ConfigError(
            "no store is named", key=STORE, remedy=f"set {STORE} to its URL, s3://bucket/prefix"
        )
    return open_store(url)


def open_store(url: str, named: str = STORE) -> Store:
    """The store at a URL, `named` by a variable or a key; nothing is asked of it yet. Raises
    ConfigError."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return _opened(url.rstrip("/"), named, endpoint, os.getpid())


@lru_cache(maxsize=8)
def _opened(url: str, named: str, endpoint: str | None, process: int) -> Store:
    """Once per process: connections don't outlive a fork."""
    try:
        import fsspec

        options: dict[str, object] = {"use_listings_cache": False, "skip_instance_cache": True}
        if url.partition(":")[0] in ("s3", "s3a"):
            # s3fs tries again by itself. It would look for the endpoint when it is first asked.
            waits = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 1}}
            options |= {"config_kwargs": waits, "endpoint_url": endpoint}
        fs, root = fsspec.core.url_to_fs(url, **options)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"the store can't be opened ({error})",
            key=named,
            found=url,
            expected="a URL that fsspec knows: s3://bucket/prefix, file:///folder",
            remedy="install what its kind needs (`pip install 'slora[s3]'`), or correct the URL",
        ) from error
    return Store(url, fs, str(root).rstrip("/"), named)

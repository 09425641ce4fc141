"""A real S3 server (moto's) on the loopback for tests that ask for one, and a bucket for each."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

import pytest

from slora_assets.storage.opening import open_store
from slora_assets.storage.store import Store

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The server's address."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(s3: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store in a bucket of its own, named by the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"tests-{next(_NUMBERS)}"
    monkeypatch.setenv("SLORA_STORE", f"s3://{bucket}/team")
    store = open_store(f"s3://{bucket}/team")
    store.fs.mkdir(bucket)
    return store

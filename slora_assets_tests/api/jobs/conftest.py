"""Each test of the jobs on a database of either kind, empty and its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.jobs.store import JobStore
from slora_assets_tests.postgresql import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.url(server.new_database())


@pytest.fixture
def begin(database: str) -> Iterator[Callable[[], JobStore]]:
    """Begins a service's work on one database."""
    begun: list[JobStore] = []

    def another() -> JobStore:
        begun.append(JobStore(database))
        return begun[-1]

    yield another
    for one in begun:
        one.close()


@pytest.fixture
def store(begin: Callable[[], JobStore]) -> JobStore:
    """The database as the first service uses it."""
    return begin()

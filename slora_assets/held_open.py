"""Holds Dagster's SQLite files open while runs go on: an event then costs half as much.

Dagster opens and closes a connection for each event it stores. When the last connection to a file
closes, SQLite moves its write-ahead log into the file and deletes it, with flushes of its own; as
long as one more is open, an event pays for its commit only. Each commit is still flushed.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)


@contextmanager
def instance_held_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Hold the files that all runs share; nothing on storage other than SQLite."""
    storage = instance.event_log_storage
    paths: list[Path] = []
    if isinstance(storage, SqliteEventLogStorage):
        index = Path(storage.path_for_shard(INDEX_SHARD_NAME))
        # Where `storage.sqlite` of `dagster.yaml` puts the runs themselves.
        paths = [index, index.parents[1] / "runs.db"]
    with _held(paths):
        yield


@contextmanager
def run_held_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold the file of one run's events, made here if need be."""
    storage = instance.event_log_storage
    paths: list[Path] = []
    if isinstance(storage, SqliteEventLogStorage):
        with storage.run_connection(run_id):
            paths = [Path(storage.path_for_shard(run_id))]
    with _held(paths):
        yield


@contextmanager
def _held(paths: list[Path]) -> Iterator[None]:
    with ExitStack() as stack:
        for path in paths:
            if path.is_file():
                connection = stack.enter_context(closing(sqlite3.connect(path)))
                # Only a connection that has read holds the log. Nothing stays locked by it.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield

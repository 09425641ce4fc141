"""The database: its tables are the models', and one that can't be used is refused in words."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from api.jobs.store import JobStore
from api.jobs.table import METADATA, opened
from slora_assets.config.errors import ConfigError
from slora_assets_tests.postgresql import Server


def test_migrations_lead_to_the_models_tables(database: str) -> None:
    engine = opened(database)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_a_database_that_was_brought_further_is_left_alone(database: str) -> None:
    engine = opened(database)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match=r"not of this version of slora.*9999"):
        opened(database)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgres://ada:secret@127.0.0.1/jobs", "no address of a database"),
        ("no address", "no address of a database"),
        ("sqlite:////no/such/folder/jobs.sqlite", "can't be used"),
        ("postgresql+psycopg://ada:secret@127.0.0.1:1/jobs", "can't be used.*refused"),
        ("postgresql+asyncpg://ada:secret@127.0.0.1/jobs", "driver is not installed.*asyncpg"),
    ],
)
def test_what_is_no_database_is_refused_in_words(address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        opened(address)
    assert "SLORA_JOBS_URL" in str(refused.value) and "secret" not in str(refused.value)


def test_without_its_driver_postgresql_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'slora\[postgres\]'"):
        opened("postgresql+psycopg://ada:secret@127.0.0.1/jobs")


def test_a_wrong_password_is_refused_and_not_repeated(postgresql: Server) -> None:
    address = sa.make_url(postgresql.url("postgres")).set(password="not this one")
    with pytest.raises(ConfigError, match="password authentication failed") as refused:
        opened(address.render_as_string(hide_password=False))
    assert "not this one" not in str(refused.value)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_service_outlives_its_connections(
    begin: Callable[[], JobStore], postgresql: Server, database: str
) -> None:
    store = begin()
    name = sa.make_url(database).database
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    assert postgresql.ask(ended)
    assert store.claim() is None

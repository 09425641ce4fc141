"""The tables that jobs are kept in, and the database brought to their shape."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from api.jobs.job import Job
from slora_assets.config.environment import JOBS as VARIABLE
from slora_assets.config.errors import ConfigError

METADATA: Final = sa.MetaData()
LONGEST_KEY: Final = 255
"""Characters of an `Idempotency-Key`."""
_LOCK: Final = 0x510_12A
"""The number of PostgreSQL's lock on the jobs; others' locks in the same database have others."""

NOW: Final = sa.cast(sa.extract("epoch", sa.func.now()), sa.Integer)
"""By the database's clock, because those of several machines differ."""
JOBS: Final = sa.Table(
    "jobs",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(38), nullable=False, unique=True),
    sa.Column("owner", sa.String(255), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("idempotency_key", sa.String(LONGEST_KEY), unique=True),
    sa.Column("created_at", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Integer),
    sa.Column("finished_at", sa.Integer),
    sa.Column("artifact", sa.String(40)),
    sa.Column("result", sa.JSON),
    sa.Column("error", sa.JSON),
    sa.Column("order_hash", sa.String(64), index=True),
    sa.Column("steps_done", sa.Integer),
    sa.Column("steps", sa.Integer),
)
SERVICES: Final = sa.Table(
    "services",
    METADATA,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("seen_at", sa.Integer, nullable=False),
)


def job_of(row: sa.RowMapping) -> Job:
    """The job in a row of the table."""
    return Job.model_validate({name: row[name] for name in Job.model_fields})


def opened(url: str) -> sa.Engine:
    """The database, created or brought to this version's tables, by one process at a time. Raises
    ConfigError for one that can't be used."""
    try:
        # Parameters hold prompts, and what fails is logged.
        engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _write_ahead)
        config = Config()
        folder = str(Path(__file__).parent / "migrations")
        config.set_main_option("script_location", folder.replace("%", "%%"))
        with alone(engine) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (sa.exc.ArgumentError, sa.exc.DBAPIError, CommandError, ImportError) as error:
        raise _unusable(url, error) from error
    return engine


@contextmanager
def alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction beside which no other of these runs, in no process. Those who only read, or
    write outside of it, are not held up."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            # Who hangs in the midst of it holds the others up for so long, and is not waited for.
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '20s'")
            connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        yield connection


def _unusable(url: str, error: Exception) -> ConfigError:
    """Why the database can't be used, without its password."""
    if isinstance(error, ImportError):
        what = f"the database's driver is not installed ({error})"
        remedy = "pip install 'slora[postgres]', and begin the address with postgresql+psycopg://"
    elif isinstance(error, sa.exc.ArgumentError):
        what = f"this is no address of a database ({error})"
        remedy = f"set {VARIABLE}=postgresql+psycopg://<user>:<password>@<host>/<database>"
    elif isinstance(error, CommandError):
        what = f"the tables are not of this version of slora ({error})"
        remedy = "use the version of slora that used this database last, or another database"
    else:
        what = f"the database can't be used ({str(error.__cause__ or error)[:300]})"
        remedy = f"see that the server runs and takes this user's password, or correct {VARIABLE}"
    return ConfigError(what, key=VARIABLE, found=_without_password(url), remedy=remedy)


def _without_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string()
    except sa.exc.ArgumentError:
        return "what has no form of an address"


def _write_ahead(connection: sqlite3.Connection, _record: object) -> None:
    """Readers don't wait for the writer, nor it for them."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()

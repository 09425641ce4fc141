"""The tables that jobs are kept in, and the database brought to their shape."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

METADATA: Final = sa.MetaData()
LONGEST_KEY: Final = 255
"""Characters of an `Idempotency-Key`."""

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
)
SERVICES: Final = sa.Table(
    "services",
    METADATA,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("seen_at", sa.Integer, nullable=False),
)


def opened(url: str) -> sa.Engine:
    """The database, created or brought to this version's tables."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _write_ahead)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return engine


def _write_ahead(connection: sqlite3.Connection, _record: object) -> None:
    """Readers don't wait for the writer, nor it for them."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.close()

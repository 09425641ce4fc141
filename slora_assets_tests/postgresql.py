"""A PostgreSQL of the machine's own package, started for the tests that ask for it and gone with
them: on the loopback, on a free port, in a temporary folder, with a password.

As root it runs as another user, because PostgreSQL refuses root. Each process of pytest-xdist that
needs one has its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
import sqlalchemy as sa

NEEDED: Final = "SLORA_TESTS_NEED_POSTGRESQL"
"""Where it is set (`.ci/run`), a machine without PostgreSQL fails the tests, and skips none."""
_DEBIAN: Final = Path("/usr/lib/postgresql")
_PASSWORD: Final = "p@ss/word:100%"
"""As awkward as people's."""
_HASTY: Final = (
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=16MB"
)
"""What it writes need not outlive the machine."""

# The server ends with whoever holds the other end of this script's input, and its folder with it:
# with the tests, then, however they end.
_SUPERVISED: Final = """
folder=$1; shift
if "$@" start >&2; then echo started; read -r _; "$@" --mode fast stop >&2
else cat "$folder/log" >&2; fi
rm -rf "$folder"
"""


class Server:
    """A running PostgreSQL."""

    def __init__(self, port: int) -> None:
        self._port, self._made = port, 0

    def url(self, database: str, driver: str = "psycopg") -> str:
        """SQLAlchemy's address of a database."""
        made = sa.URL.create(
            f"postgresql+{driver}", "slora", _PASSWORD, "127.0.0.1", self._port, database
        )
        return made.render_as_string(hide_password=False)

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """What the server answers; [] for a statement that has no rows."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self._port,
            user="slora",
            password=_PASSWORD,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            done = connection.execute(statement)
            return list(done.fetchall()) if done.description else []

    def new_database(self) -> str:
        """The name of an empty one."""
        self._made += 1
        name = f"slora_{self._made}"
        self.ask(f"CREATE DATABASE {name}")
        return name

    def connections(self, database: str) -> int:
        """How many processes are connected to it."""
        asked = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"
        return int(str(self.ask(asked)[0][0]))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One server for all tests of this process."""
    programs = installed()
    if programs is None:
        why = "no PostgreSQL is installed here. Remedy: apt-get install postgresql"
        if os.environ.get(NEEDED):
            pytest.fail(f"{NEEDED} is set, and {why}")
        pytest.skip(why)
    with running(programs, _HASTY) as server:
        yield server


@contextmanager
def running(programs: Path, options: str = "") -> Iterator[Server]:
    """A server of the programs in this folder, by default as careful with its files as others."""
    process, port = _start(programs, options, _user())
    try:
        yield Server(port)
    finally:
        process.communicate("\n")


def installed() -> Path | None:
    """The folder of initdb and postgres: the PATH's, else Debian's newest, which is on no PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = [path.parent for path in _DEBIAN.glob("*/bin/initdb")]
    return max(installed, key=lambda path: float(path.parent.name), default=None)


def _user() -> pwd.struct_passwd | None:
    """Who the server runs as, where that is somebody else."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("as root, PostgreSQL needs a user `postgres` or `nobody` to run as")


def _start(
    programs: Path, options: str, user: pwd.struct_passwd | None
) -> tuple[subprocess.Popen[str], int]:
    for _ in range(3):  # somebody else may take the port meanwhile
        folder = Path(tempfile.mkdtemp(prefix="slora-postgresql-"))
        other = _initialise(programs, folder, user)
        port = free_port()
        here = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        server = [programs / "pg_ctl", "--wait", "--silent", "--pgdata", folder / "data"]
        server += ["--log", folder / "log", "--options", f"{here} {options}"]
        process = subprocess.Popen(
            ["sh", "-c", _SUPERVISED, "sh", folder, *server],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C ends the tests first, which close what they have open
            **other,
        )
        assert process.stdout is not None
        if process.stdout.readline() == "started\n":
            return process, port
        said = process.communicate()[1]
    pytest.fail(f"PostgreSQL doesn't start:\n{said[-3000:]}")


def _initialise(programs: Path, folder: Path, user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Make the files of a server in `folder`; how processes are started that may use them."""
    (folder / "password").write_text(_PASSWORD)
    # What PGHOST and its like say is a person's.
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    other: dict[str, Any] = {"cwd": folder, "env": mine}
    if user is not None:
        for path in (folder, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
        other |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    subprocess.run(
        [
            *(programs / "initdb", "--pgdata", folder / "data", "--username", "slora"),
            *("--pwfile", folder / "password", "--auth", "scram-sha-256"),
            *("--locale", "C", "--encoding", "UTF8", "--no-sync"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        **other,
    )
    return other


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

"""As on a server: Dagster's history in PostgreSQL, UI, daemon and code server as processes of their
own. Runs side by side; one whose process was killed is tried again; and what is left at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from filelock import lock_descriptor

from slora_assets_tests.defs.deployed import Deployment
from slora_assets_tests.postgresql import Server
from slora_assets_tests.small_graph import PROJECT, prepare

FILE = PROJECT / "deploy" / "dagster.prod.yaml"
SCENARIO, OTHER = "market_floor", "stage"


def test_but_for_storage_and_retries_it_says_what_dagster_yaml_says() -> None:
    theirs, ours = (yaml.safe_load(path.read_text()) for path in (FILE, PROJECT / "dagster.yaml"))
    assert theirs.pop("storage") == {"postgres": {"postgres_url": {"env": "SLORA_POSTGRES_URL"}}}
    assert theirs["run_retries"].pop("max_retries") > ours["run_retries"].pop("max_retries")
    assert theirs == ours, f"write into {FILE.name} what changed in dagster.yaml"


@pytest.fixture(scope="module")
def database(postgresql: Server) -> str:
    """Its name."""
    return postgresql.new_database()


@pytest.fixture(scope="module")
def root(prepared_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that lacks first frames."""
    return Path(shutil.copytree(prepared_root, tmp_path_factory.mktemp("server") / "workspace"))


@pytest.fixture(scope="module")
def server(root: Path, postgresql: Server, database: str) -> Iterator[Deployment]:
    """Started once for the file; the last test ends it."""
    home = root / ".dagster"
    home.mkdir()
    (home / "dagster.yaml").symlink_to(FILE)
    environment = prepare(root) | {
        "DAGSTER_HOME": str(home),
        "SLORA_POSTGRES_URL": postgresql.url(database, "psycopg2"),
    }
    deployment = Deployment(environment, root / "server.log")
    try:
        yield deployment
    finally:
        deployment.close()


def test_runs_go_side_by_side_and_a_killed_one_is_tried_again(
    server: Deployment, root: Path
) -> None:
    def seen(*statuses: str) -> None:
        server.wait_for(lambda: [*server.statuses().values()][::-1] == [*statuses], f"{statuses}")

    made = root / "data/metadata/first_frames" / f"{SCENARIO}.json"
    with (root / "data/ledger.jsonl").open() as ledger:
        lock_descriptor(ledger.fileno())  # what is made is put on record before its run ends
        server.materialize("first_frames", SCENARIO)
        server.wait_for(made.exists, "the first frames")
        server.materialize("scenario_manifest", OTHER)  # on record already
        seen("STARTED", "SUCCESS")
        server.wait_for(lambda: len(server.processes().get("run", [])) == 1, "one run's end")
        server.processes()["run"][0].kill()
        seen("FAILURE", "SUCCESS", "STARTED")
    seen("FAILURE", "SUCCESS", "SUCCESS")
    server.wait_for(lambda: not server.of_runs(), "the runs' processes to end")


def test_who_is_told_to_end_leaves_no_process_and_no_connection(
    server: Deployment, postgresql: Server, database: str
) -> None:
    assert postgresql.connections(database) > 0
    killed = set(server.left_behind())  # by a run that was killed, which no run can help
    assert server.terminate() == [0, 0, 0]
    server.wait_for(lambda: not server.processes(), "what they had started to end")
    assert postgresql.connections(database) == 0
    assert set(server.left_behind()) <= killed

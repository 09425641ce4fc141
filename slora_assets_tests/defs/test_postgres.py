"""The worked example for PostgreSQL says what dagster.yaml says, and works where a server is."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import dagster as dg
import pytest
import yaml

from slora_assets_tests.small_graph import PROJECT

_FILE = PROJECT / "configs" / "dagster" / "postgres.yaml"
_URL = "SLORA_POSTGRES_URL"


def test_but_for_the_storage_it_says_what_dagster_yaml_says() -> None:
    theirs = yaml.safe_load(_FILE.read_text())
    assert theirs.pop("storage") == {"postgres": {"postgres_url": {"env": _URL}}}
    ours = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    assert theirs == ours, f"write into {_FILE.name} what changed in dagster.yaml"


# A server can't be had everywhere that the tests run; docs/howto/postgres.md says how to try it.
@pytest.mark.skipif(
    _URL not in os.environ or importlib.util.find_spec("dagster_postgres") is None,
    reason=f"needs the extra `postgres` and a server that {_URL} names",
)
def test_a_run_is_kept_by_the_server(tmp_path: Path) -> None:
    shutil.copy(_FILE, tmp_path / "dagster.yaml")

    @dg.asset(pool="gpu", partitions_def=dg.StaticPartitionsDefinition(["stage"]))
    def made() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(data_version=dg.DataVersion("1"))

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        done = dg.materialize([made], instance=instance, partition_key="stage")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run = instance.get_run_by_id(done.run_id)
        assert run is not None and run.status == dg.DagsterRunStatus.SUCCESS
        event = instance.get_latest_materialization_event(dg.AssetKey("made"))
        assert event is not None and event.run_id == done.run_id
    assert not list(tmp_path.rglob("*.db"))

"""Dagster's SQLite files while the launcher holds them open."""

from pathlib import Path

import dagster as dg

from slora_assets.held_open import instance_held_open, run_held_open


def test_a_held_run_is_stored_whole(tmp_path: Path) -> None:
    @dg.asset
    def one() -> None: ...

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run_id = dg.materialize([one], instance=instance).run_id
        with instance_held_open(instance), run_held_open(instance, run_id):
            instance.report_runless_asset_event(dg.AssetMaterialization("two"))
            assert list(tmp_path.rglob("index.db-wal"))
            assert list(tmp_path.rglob(f"{run_id}.db-wal"))
        assert not list(tmp_path.rglob("index.db-wal"))
    with dg.DagsterInstance.local_temp(str(tmp_path)) as again:
        assert again.get_latest_materialization_event(dg.AssetKey("two")) is not None
        assert again.get_latest_materialization_event(dg.AssetKey("one")) is not None

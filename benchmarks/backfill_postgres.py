"""A backfill of empty partitions, in PostgreSQL and in SQLite: what Dagster and its storage take.

`python benchmarks/backfill_postgres.py [--partitions 1000] [--each 100] [--processes 4]` prints ms
per partition, and in brackets the processor's share of it without PostgreSQL's own. An empty
partition is one with nothing to do: its step returns a data version, as a stage does that finds its
result standing. Three ways of backfilling it: all in one run, a run each in one process, and a run
each in a process of its own, as the daemon has it for the project's assets. PostgreSQL is this
machine's, with its defaults, started for the purpose.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import with_tests  # noqa: F401

from slora_assets.config.places import PROJECT
from slora_assets_tests.postgresql import installed, running

SETTINGS = {
    "PostgreSQL": PROJECT / "deploy" / "dagster.prod.yaml",
    "SQLite": PROJECT / "dagster.yaml",
}
_RANGE = "dagster/asset_partition_range_"
# Nobody reads the lines that a step prints, which would be half of the time.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def scenarios(count: int) -> dg.StaticPartitionsDefinition:
    """So many."""
    return dg.StaticPartitionsDefinition([f"scenario_{number}" for number in range(count)])


def graph(count: int) -> dg.AssetsDefinition:
    """One asset whose steps have nothing to do."""

    @dg.asset(partitions_def=scenarios(count), backfill_policy=dg.BackfillPolicy.single_run())
    def stands() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(data_version=dg.DataVersion("1"))

    return stands


def in_one_run(instance: dg.DagsterInstance, count: int) -> None:
    """A range of partitions."""
    keys = scenarios(count).get_partition_keys()
    tags = {f"{_RANGE}start": keys[0], f"{_RANGE}end": keys[-1]}
    assert dg.materialize([graph(count)], instance=instance, tags=tags, run_config=_QUIET).success


def in_a_run(instance: dg.DagsterInstance, key: str, count: int) -> None:
    """One partition."""
    done = dg.materialize([graph(count)], instance=instance, partition_key=key, run_config=_QUIET)
    assert done.success


def in_a_run_each(instance: dg.DagsterInstance, count: int) -> None:
    """One after the other in this process."""
    for key in scenarios(count).get_partition_keys():
        in_a_run(instance, key, count)


def in_a_process_each(_instance: dg.DagsterInstance, count: int) -> None:
    """One after the other; several at a time take as long where there are no more cores."""
    code = (
        "import sys, dagster as dg, backfill_postgres as benchmark\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    benchmark.in_a_run(instance, sys.argv[1], int(sys.argv[2]))"
    )
    here = Path(__file__).parent
    for key in scenarios(count).get_partition_keys():
        subprocess.run([sys.executable, "-c", code, key, str(count)], check=True, cwd=here)


@dataclass(frozen=True)
class Figure:
    """ms per partition."""

    elapsed: float
    computed: float


def measured(way: Callable[[dg.DagsterInstance, int], None], count: int) -> list[Figure]:
    """Of each storage, each with a history of its own."""
    found = []
    for storage, settings in SETTINGS.items():
        with tempfile.TemporaryDirectory() as home:
            (Path(home) / "dagster.yaml").symlink_to(settings)
            os.environ["DAGSTER_HOME"] = home
            with dg.DagsterInstance.from_config(home) as instance:
                way(instance, 1)  # tables are made
                before = os.times()
                way(instance, count)
                after = os.times()
                made = instance.get_materialized_partitions(dg.AssetKey("stands"))
                assert len(made) == count, f"{len(made)} of {count} stand in {storage}"
        *spent, elapsed = (late - early for early, late in zip(before, after, strict=True))
        found.append(Figure(elapsed / count * 1000, sum(spent) / count * 1000))
    return found


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore", dg.BetaWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--processes", type=int, default=4)
    options = parser.parse_args()
    programs = installed()
    assert programs is not None, "no PostgreSQL is installed here: apt-get install postgresql"
    print(f"{'':24} partitions  {''.join(f'{name:>24}' for name in SETTINGS)}   ratio")
    for name, way, count in (
        ("all in one run", in_one_run, options.partitions),
        ("a run each", in_a_run_each, options.each),
        ("a run and process each", in_a_process_each, options.processes),
    ):
        with running(programs) as server:
            os.environ["SLORA_POSTGRES_URL"] = server.url(server.new_database(), "psycopg2")
            figures = measured(way, count)
        shown = "".join(f"{one.elapsed:12.1f} ({one.computed:8.1f})" for one in figures)
        ratio = figures[0].elapsed / figures[1].elapsed
        print(f"{name:24} {count:10}  {shown}  {ratio:6.2f}", flush=True)


if __name__ == "__main__":
    main()

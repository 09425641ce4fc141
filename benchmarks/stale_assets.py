"""Prints each asset (and partition) that Dagster calls stale or missing, and how many there are.

`python benchmarks/stale_assets.py` in a project where `make demo` has run; exits 1 if any is.
"""

import argparse
import os
import sys
from pathlib import Path

import dagster as dg

# Staleness has no public reader outside the UI; a benchmark may look where the product may not.
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from slora_assets.definitions import defs


def main() -> int:
    """Ask the instance for every asset of the graph."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    os.environ.setdefault("DAGSTER_HOME", str(Path.cwd()))
    graph = defs.resolve_asset_graph()
    with dg.DagsterInstance.get() as instance:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        bad = []
        for key in sorted(graph.get_all_asset_keys()):
            partitions = graph.get(key).partitions_def
            for partition in partitions.get_partition_keys() if partitions else [None]:
                status = resolver.get_status(key, partition)
                if status != StaleStatus.FRESH:
                    causes = [cause.reason for cause in resolver.get_stale_causes(key, partition)]
                    bad.append(f"{key.to_user_string()} {partition or ''}: {status.value} {causes}")
    print("\n".join(bad))
    print(f"{len(bad)} stale or missing")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""What Dagster's UI would call stale."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg

# Staleness has no public reader outside the UI; a test may look where the product may not.
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from slora_assets.defs.configuration_sensor import edited_settings
from slora_assets.defs.project import ProjectResource


def stale(definitions: dg.Definitions, instance: dg.DagsterInstance) -> set[str]:
    """Assets, as `asset` or `asset:scenario`, that were made of something else than there is."""
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    found = set()
    for key in graph.get_all_asset_keys():
        partitions = graph.get(key).partitions_def
        for partition in partitions.get_partition_keys() if partitions else [None]:
            if resolver.get_status(key, partition) == StaleStatus.STALE:
                name = key.to_user_string()
                found.add(f"{name}:{partition}" if partition else name)
    return found


class Watched:
    """A finished graph whose configuration is observed, as the daemon does it."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._definitions, self.instance, self._cursor = definitions, instance, ""

    def stale(self) -> set[str]:
        """Observe what was edited, and look."""
        with dg.build_sensor_context(instance=self.instance, cursor=self._cursor) as context:
            result = edited_settings(context, project=ProjectResource())
        assert isinstance(result, dg.SensorResult)
        self._cursor = result.cursor or ""
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        return stale(self._definitions, self.instance)


def history_of(home: Path, copy: Path) -> dg.DagsterInstance:
    """An instance with the history of another, which may be added to."""
    for name in ("history", "schedules", "storage"):
        if (home / name).is_dir():
            shutil.copytree(home / name, copy / name)
    shutil.copy(home / "dagster.yaml", copy)
    return dg.DagsterInstance.from_config(str(copy))

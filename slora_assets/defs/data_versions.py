"""What Dagster compares when it says what is stale, where it needs to be told more exactly.

It stands in tags of its events, which the UI shows and which have no public name in Python:
`test_configuration.py` and `test_staleness.py` fail when their meaning changes.
"""

from collections.abc import Mapping
from typing import Final

import dagster as dg

DATA_VERSION: Final = "dagster/data_version"
_CODE_VERSION: Final = "dagster/code_version"
_FROM_USER: Final = "dagster/data_version_is_user_provided"
_INPUT_VERSION: Final = "dagster/input_data_version/"
_INPUT_POINTER: Final = "dagster/input_event_pointer/"


def input_tags(name: str, version: str, event: int | None = None) -> dict[str, str]:
    """Tags of a materialization that read an input in a version; `event` is the number of the
    event that says so, which Dagster looks from where the input has partitions."""
    pointer = "NULL" if event is None else str(event)
    return {f"{_INPUT_VERSION}{name}": version, f"{_INPUT_POINTER}{name}": pointer}


def still_current(
    last: dg.AssetMaterialization, code_version: str, inputs: Mapping[str, str]
) -> dg.AssetMaterialization:
    """The event that says that a partition, as it was made `last`, is what `inputs` lead to now."""
    version = (last.tags or {})[DATA_VERSION]
    tags = {DATA_VERSION: version, _CODE_VERSION: code_version, _FROM_USER: "true"}
    for name, read in inputs.items():
        tags |= input_tags(name, read)
    return dg.AssetMaterialization(
        last.asset_key,
        partition=last.partition,
        description="Looked at again: nothing changed.",
        metadata=last.metadata,
        tags=tags,
    )


def last_materialization(
    instance: dg.DagsterInstance, asset: str, partition: str
) -> dg.AssetMaterialization | None:
    """The last of a partition."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0].asset_materialization if records else None


def last_observation(
    instance: dg.DagsterInstance, asset: str, partition: str | None
) -> tuple[str | None, int | None]:
    """The data version that an asset, or its partition, was seen in last, and that event's number;
    nothing if it never was."""
    partitions = [partition] if partition else None
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=partitions)
    records = instance.fetch_observations(wanted, limit=1).records
    if not records or records[0].asset_observation is None:
        return None, None
    return records[0].asset_observation.tags.get(DATA_VERSION), records[0].storage_id

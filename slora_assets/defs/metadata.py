"""What the asset modules share: progress as log lines, the scenario of a run, standard metadata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import dagster as dg

from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.documents import BaseIdentity
from slora_assets.processes.progress import ProgressCallback, progress_lines
from slora_assets.provenance import object_hash

ON_CHANGED_INPUT_OF_ANY = (
    dg.AutomationCondition.any_deps_updated()
    .replace("newly_updated", dg.AutomationCondition.data_version_changed())
    .since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.initial_evaluation())
    & ~dg.AutomationCondition.in_progress()
).with_label("an input has other content")
"""For roll-ups, which say themselves what is missing: one scenario that was never judged must not
hold back the page of all."""


def on_changed_inputs(*optional: str) -> dg.AutomationCondition[dg.AssetKey]:
    """For assets that cost no accelerator: materialize when an input's data version changed, not
    when the same bytes were made again, and once every input is there but the `optional` ones.
    Acts only while the automation sensor is switched on."""
    missing: dg.AutomationCondition[dg.AssetKey] = dg.AutomationCondition.any_deps_missing().ignore(
        dg.AssetSelection.assets(*optional)
    )
    return (ON_CHANGED_INPUT_OF_ANY & ~missing).with_label("inputs have other content")


ON_CHANGED_INPUTS = on_changed_inputs()

Value = dg.MetadataValue | str | int | float | bool

ROWS: Final = "dagster/row_count"
PARTITION_ROWS: Final = "dagster/partition_row_count"
"""Dagster's names for the size of a table, and of one partition of it."""


def log_progress(context: dg.AssetExecutionContext, what: str) -> ProgressCallback:
    """A progress callback that logs every few seconds."""
    return progress_lines(context.log.info, what)


def scenario_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> str:
    """The scenario that a run is for. Raises ConfigError for a run of none, or of several."""
    if context.has_partition_key:
        scenario: str = context.partition_key
        return scenario
    raise ConfigError(
        "the run has to be for one scenario",
        key="partition",
        found="several" if context.has_partition_key_range else "none",
        expected=f"one of {list(SCENARIOS.get_partition_keys())}",
        remedy="choose a partition where the run is launched, on the command line"
        " `--partition <scenario>`",
    )


def standing_at(
    place: Callable[[Workspace], Path], columns: dg.TableSchema | None = None
) -> dict[str, dg.MetadataValue]:
    """What an asset's definition says of its file or folder: where it lies, and for a table, its
    columns. No asset has `dagster/relation_identifier`: none is a table of a database."""
    found: dict[str, dg.MetadataValue] = {
        "dagster/uri": dg.MetadataValue.text(place(Workspace.from_environment()).as_uri())
    }
    if columns is not None:
        found["dagster/column_schema"] = dg.MetadataValue.table_schema(columns)
    return found


def base_entries(identity: BaseIdentity) -> dict[str, Value]:
    """Which base something was made with; the hash is the data version of `base_model`."""
    return {
        "base": identity.name,
        "base_revision": identity.revision,
        "base_hash": base_hash(identity),
    }


def base_hash(identity: BaseIdentity) -> str:
    """A hash over all that a base says of itself, its weights' hashes among it."""
    return object_hash(identity.model_dump(mode="json"))

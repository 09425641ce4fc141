"""Tables that the graph shows have the rows and columns of the files that they are of."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from slora_assets.defs.tables import EPOCHS, GUARDED, REJECTS, SWEPT, columns_of
from slora_assets.documents import Clip, FootageFile, PromptPair
from slora_assets_tests.defs.shown import SCENARIO, Graph

SELDOM = {"licence", "counts_as_seed"}
"""Columns of what is written where there is something to say: clips of another licence, and those
that are nearly the same as another seed's."""


def test_rows_and_columns_are_those_of_the_files(graph: Graph) -> None:
    from slora_assets.definitions import defs

    workspace = graph.workspace
    log = (workspace.unified_run / "validation_metrics.jsonl").read_text().splitlines()
    pairs = workspace.validation(SCENARIO) / "pairs.json"
    rows, part = "dagster/row_count", "dagster/partition_row_count"
    nodes = defs.resolve_asset_graph()
    for asset, key, found in (
        (
            "footage",
            rows,
            list(json.loads(workspace.footage_inventory.read_text())["files"].values()),
        ),
        ("scenario_metadata", rows, json.loads(workspace.scenario_metadata.read_text())["clips"]),
        ("scenario_manifest", part, json.loads(workspace.manifest(SCENARIO).read_text())["clips"]),
        ("scenario_validation", part, json.loads(pairs.read_text())["pairs"]),
        ("unified_adapter", rows, [json.loads(line) for line in log]),
    ):
        assert graph.first.of(asset)[key] == len(found) > 0, asset
        schema = nodes.get(dg.AssetKey(asset)).metadata["dagster/column_schema"]
        columns = {column.name for column in schema.value.columns}
        assert columns - SELDOM <= set().union(*found), asset


@pytest.mark.parametrize(
    "schema",
    [*map(columns_of, (Clip, FootageFile, PromptPair)), REJECTS, EPOCHS, GUARDED, SWEPT],
)
def test_every_column_says_what_it_holds(schema: dg.TableSchema) -> None:
    assert [column.name for column in schema.columns if not column.description] == []


def test_columns_say_their_type_and_whether_they_may_be_empty() -> None:
    columns = {column.name: column for column in columns_of(FootageFile).columns}
    assert (columns["path"].type, columns["path"].constraints.nullable) == ("string", False)
    assert (columns["duration_s"].type, columns["duration_s"].constraints.nullable) == (
        "number",
        True,
    )

"""An edit makes stale what reads what was edited, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from slora_assets.defs.code_location import build_definitions
from slora_assets_tests.defs.edits import Edit, edits
from slora_assets_tests.defs.shown import SCENARIO, Graph
from slora_assets_tests.defs.staleness import Watched, history_of

ASKED = ["a red person moving left at the market", "a blue cart at the market"]


@pytest.fixture
def at_graph(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Graph:
    for name, value in graph.environment.items():
        monkeypatch.setenv(name, value)
    return graph


@pytest.fixture
def watched(at_graph: Graph, tmp_path: Path) -> Iterator[Watched]:
    with history_of(Path(at_graph.environment["DAGSTER_HOME"]), tmp_path) as instance:
        yield Watched(_definitions(at_graph), instance)


def _definitions(graph: Graph) -> dg.Definitions:
    return build_definitions()


@pytest.mark.parametrize("edit", edits({SCENARIO: ASKED}), ids=lambda edit: edit.name)
def test_an_edit_makes_stale_what_reads_it(at_graph: Graph, watched: Watched, edit: Edit) -> None:
    assert watched.stale() == set()
    take_back = edit.apply(at_graph.workspace.configs)
    try:
        assert watched.stale() == edit.stale
    finally:
        take_back()
    assert watched.stale() == set()

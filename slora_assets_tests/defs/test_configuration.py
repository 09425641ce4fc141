"""An edit makes stale what reads what was edited, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slora_assets.defs.code_location import build_definitions
from slora_assets.documents import Takedown
from slora_assets.provenance.takedowns import log_takedown
from slora_assets_tests.defs.edits import Edit, edits
from slora_assets_tests.defs.shown import SCENARIO, Graph
from slora_assets_tests.defs.staleness import Watched, history_of
from slora_assets_tests.on_record import take_takedowns_back

ASKED = ["a red person moving left at the market", "a blue cart at the market"]


@pytest.fixture(scope="module")
def watched(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    history = history_of(Path(graph.environment["DAGSTER_HOME"]), tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch, history as instance:
        for name, value in graph.environment.items():
            patch.setenv(name, value)
        yield Watched(build_definitions(), instance)


def test_nothing_is_stale_after_the_demo(watched: Watched) -> None:
    assert watched.stale() == set()


@pytest.mark.parametrize("edit", edits({SCENARIO: ASKED}), ids=lambda edit: edit.name)
def test_an_edit_makes_stale_what_reads_it(graph: Graph, watched: Watched, edit: Edit) -> None:
    take_back = edit.apply(graph.workspace.configs)
    try:
        # What the edit before left behind would show here.
        assert watched.stale() == edit.stale
    finally:
        take_back()


def test_a_takedown_makes_stale_what_sorts_clips(graph: Graph, watched: Watched) -> None:
    workspace = graph.workspace
    log_takedown(
        workspace, Takedown(asked="x", by="Ada", reason="asked", dataset="msr-vtt", sources=["x"])
    )
    try:
        assert watched.stale() == {"scenario_metadata"}
    finally:
        take_takedowns_back(workspace)
    assert watched.stale() == set()

"""The small graph, materialized once for the session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.deployment.promotion import promote
from slora_assets_tests.defs.shown import SCENARIO, Graph, materialize, prepare, shown_by
from slora_assets_tests.workspaces import choose


@pytest.fixture(scope="session")
def graph(prepared_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """Not to be changed."""
    root = tmp_path_factory.mktemp("graph")
    environment = prepare(root, prepared_root)
    with pytest.MonkeyPatch.context() as patch:
        workspace = choose(environment, patch)
        first = materialize(root, environment, seen=set())
        promote(workspace, SCENARIO, "Ada", "to see it served", override_inconclusive=True)
        second = materialize(root, environment, seen=set(first))
    return Graph(workspace, environment, shown_by(first), shown_by(second))


@pytest.fixture
def copy(graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the graph's workspace, where an adapter is promoted, for a test to change."""
    root = shutil.copytree(graph.workspace.root, tmp_path / "copy")
    moved = {
        name: value.replace(str(graph.workspace.root), str(root))
        for name, value in graph.environment.items()
    }
    return choose(moved, monkeypatch)

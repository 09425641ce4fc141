"""The small graph, materialized once for the session."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.deployment.promotion import promote
from slora_assets_tests.defs.shown import SCENARIO, Graph, materialize, prepare, shown_by


@pytest.fixture(scope="session")
def graph(prepared_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """Not to be changed."""
    root = tmp_path_factory.mktemp("graph")
    environment = prepare(root, prepared_root)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        workspace = Workspace.from_environment()
        first = materialize(root, environment, seen=set())
        promote(workspace, SCENARIO, "Ada", "to see it served", override_inconclusive=True)
        second = materialize(root, environment, seen=set(first))
    return Graph(workspace, environment, shown_by(first), shown_by(second))

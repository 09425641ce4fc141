"""Two runs to compare, and the page that compares them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from slora_assets.config.workspace import Workspace
from slora_assets_tests.api.compare.sitting import PROMPTS, opened
from slora_assets_tests.judged_runs import judged_workspace
from slora_assets_tests.workspaces import below


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return judged_workspace(tmp_path_factory.mktemp("judged"), PROMPTS)


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy, for tests that write."""
    return below(shutil.copytree(made.root, tmp_path / "workspace"))


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with opened(workspace, "harbour", "beach") as found:
        yield found

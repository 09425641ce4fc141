"""A workspace for a file's runs, and what they are forked from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.defs.preloaded import MODELS
from slora_assets.processes.preloading import preload
from slora_assets_tests.small_graph import prepare
from slora_assets_tests.workspaces import choose


@pytest.fixture(scope="session", autouse=True)
def imported_once() -> None:
    """Runs needn't import torch each, unless a server without it runs already."""
    preload(MODELS)


@pytest.fixture(scope="module")
def room(prepared_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A copy of the prepared workspace, as the commands find it."""
    root = Path(shutil.copytree(prepared_root, tmp_path_factory.mktemp("room") / "workspace"))
    with pytest.MonkeyPatch.context() as patch:
        yield choose(prepare(root), patch)

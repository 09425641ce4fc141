"""The service on `served_workspace`. Tests that change it work on `own_workspace`, a copy."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.workspace import Workspace
from slora_assets_tests.served_workspace import made_base, made_workspace
from slora_assets_tests.workspaces import below

MADE_BY_OTHERS = shutil.ignore_patterns("artifacts", "register", "jobs.sqlite*")
"""What other tests leave in `workspace`."""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> VideoBase:
    return made_base(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def workspace(base: VideoBase, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return made_workspace(tmp_path_factory.mktemp("workspace"), base)


@pytest.fixture
def own_workspace(workspace: Workspace, tmp_path: Path) -> Workspace:
    return below(shutil.copytree(workspace.root, tmp_path / "workspace", ignore=MADE_BY_OTHERS))


@pytest.fixture(scope="session")
def app(workspace: Workspace) -> FastAPI:
    return create_app(ApiSettings(workspace, preview=True, device="cpu"))


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    """In preview mode."""
    with local(app) as opened:
        yield opened


@pytest.fixture(scope="session")
def strict(workspace: Workspace) -> Iterator[TestClient]:
    """Not in preview mode."""
    with local(create_app(ApiSettings(workspace, device="cpu"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(workspace: Workspace) -> Iterator[str]:
    """Where a browser finds the page, of a service that it has for itself."""
    app = create_app(ApiSettings(workspace, preview=True, device="cpu"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def local(app: FastAPI) -> TestClient:
    """A client whose requests each get a clip of their own."""
    headers = {"Cache-Control": "no-cache"}
    return TestClient(
        app, base_url="http://127.0.0.1", raise_server_exceptions=False, headers=headers
    )

"""Whether the service lives, and whether it could make a clip: tried, part by part."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from api import readiness
from api.app import create_app
from api.exposure import Exposure
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.api_keys import add_key
from slora_assets.documents.api_keys import Scope
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import refused
from slora_assets_tests.waiting import wait_for


def unready(client: TestClient, workspace: Workspace) -> dict[str, str]:
    """Part -> why, of a service that lives and isn't ready."""
    assert client.get("/livez").json() == {"status": "live"}
    problem = refused(client.get("/readyz"), 503)
    assert str(workspace.root) not in str(problem)
    return {one["field"]: one["detail"] for one in problem["errors"]}


def test_a_service_that_could_make_a_clip_says_so_of_every_part(
    own_workspace: Workspace,
) -> None:
    with local(create_app(ApiSettings(own_workspace, device="cpu"))) as client:
        for path in ("/readyz", "/health/ready"):
            ready = client.get(path).json()
            assert (ready["status"], ready["loaded"], ready["preview"]) == ("ready", False, False)
            assert set(ready["parts"]) == {
                *("presets", "base", "weights", "worker", "database", "artifacts", "disk")
            }
        assert client.get("/health/live").json() == client.get("/livez").json()
        assert not list(own_workspace.artifacts.glob("*.partial")), "what was tried is gone"
    assert "stopping" in unready(client, own_workspace)["worker"]


def test_what_is_broken_is_named_and_what_is_mended_is_ready_again(
    own_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = own_workspace.presets.read_text()
    line = next(line for line in presets.splitlines() if line.startswith("base_model:"))
    (own_workspace.root / "gone").mkdir()
    app = create_app(ApiSettings(own_workspace, device="cpu"))
    with local(app) as client:
        own_workspace.presets.write_text("presets: [")
        kept = client.get("/readyz").json()["parts"]["presets"]
        assert kept == "5 scenarios, as they last could be read"
        gone = f"base_model: {own_workspace.root / 'gone'}"
        own_workspace.presets.write_text(presets.replace(line, gone))
        assert set(unready(client, own_workspace)) == {"base"}
        own_workspace.presets.write_text(presets)
        shutil.rmtree(own_workspace.artifacts, ignore_errors=True)
        own_workspace.artifacts.write_text("a file where clips should go")
        assert "can't be written" in unready(client, own_workspace)["artifacts"]
        own_workspace.artifacts.unlink()
        assert client.get("/readyz").status_code == 200
        monkeypatch.setattr(readiness, "_LEAST_FREE_BYTES", 1 << 62)
        assert "free some space" in unready(client, own_workspace)["disk"]
        monkeypatch.setattr(app.state.service.jobs, "seen", _refused)
        assert "can't be written" in unready(client, own_workspace)["database"]


def _refused() -> None:
    raise OperationalError("UPDATE services", {}, Exception("disk I/O error at /tmp/jobs.sqlite"))


def test_a_service_that_is_to_be_warm_is_ready_once_it_has_loaded(
    own_workspace: Workspace,
) -> None:
    app = create_app(ApiSettings(own_workspace, device="cpu", warm=True))
    with local(app) as client:
        first = client.get("/readyz")
        assert first.status_code == 200 or "being loaded" in first.text
        answer = _ready(client)
        assert answer["loaded"] and answer["parts"]["weights"] == "loaded"
    nothing = own_workspace.registry
    shutil.rmtree(nothing)
    with local(create_app(ApiSettings(own_workspace, device="cpu", warm=True))) as client:
        wait_for(
            lambda: "No adapter may be served" in unready(client, own_workspace)["weights"],
            lambda: unready(client, own_workspace),
        )


def _ready(client: TestClient) -> dict[str, Any]:
    wait_for(lambda: client.get("/readyz").is_success, lambda: client.get("/readyz").text)
    return dict(client.get("/readyz").json())


def test_who_shows_no_key_where_one_is_needed_learns_whether_and_not_why(
    own_workspace: Workspace, tmp_path: Path
) -> None:
    exposure = Exposure(ask_for_keys=True, keys_file=tmp_path / "keys.json")
    _, shown = add_key(tmp_path / "keys.json", "Ada", [Scope.READ])
    settings = ApiSettings(own_workspace, device="cpu", exposure=exposure)
    with local(create_app(dataclasses.replace(settings, preview=True))) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        told = client.get("/readyz", headers={"Authorization": f"Bearer {shown}"}).json()
        assert "parts" in told
        shutil.rmtree(own_workspace.artifacts, ignore_errors=True)
        own_workspace.artifacts.write_text("a file where clips should go")
        assert "errors" not in refused(client.get("/readyz"), 503)

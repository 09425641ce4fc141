"""The presets are people's to edit: what they get wrong takes down no more than it is about, and
what a kept copy says is served only while it is promoted."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.promotion import demote
from slora_assets.provenance import known_sha256, sha256_bytes
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID, refused


@pytest.fixture
def client(own_workspace: Workspace) -> Iterator[TestClient]:
    with local(create_app(ApiSettings(own_workspace, device="cpu"))) as opened:
        yield opened


def edited(workspace: Workspace, old: str, new: str) -> None:
    text = workspace.presets.read_text()
    assert old in text
    workspace.presets.write_text(text.replace(old, new, 1))


def seen(client: TestClient) -> dict[str, tuple[str, str | None]]:
    return {
        one["name"]: (one["status"], one["presets_fault"])
        for one in client.get("/scenarios").json()
    }


def test_an_edit_shows_without_restart_and_a_broken_one_keeps_the_last_good_copy(
    client: TestClient, own_workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    assert "presets_fault" not in client.get("/readyz").json()
    edited(own_workspace, "max_prompt_characters: 500", "max_prompt_characters: 20")
    refused(client.post("/v1/videos", json={**VALID, "prompt": "a" * 21}), 422)
    good = own_workspace.presets.read_text()
    with caplog.at_level(logging.ERROR, "slora.api"):
        for broken in (good + "speed: [", "", good.replace("max_queue: 4", "max_queue: lots")):
            own_workspace.presets.write_text(broken)
            status, fault = seen(client)["market_floor"]
            assert status == "promoted"
            assert fault is not None and str(own_workspace.root) not in fault
            assert client.get("/readyz").json()["presets_fault"] == fault
            assert client.get("/openapi.json").status_code == 200
            refused(client.post("/v1/videos", json={**VALID, "prompt": "a" * 21}), 422)
    assert sum("last good" in one.message for one in caplog.records) == 3, "once per edit"
    own_workspace.presets.write_text(good)
    assert seen(client)["market_floor"] == ("promoted", None)


def test_a_kept_copy_serves_nothing_that_was_demoted_since(
    client: TestClient, own_workspace: Workspace
) -> None:
    assert seen(client)["market_floor"][0] == "promoted"
    demote(own_workspace, "market_floor", "Zoë", "artefacts")
    own_workspace.presets.write_text("presets: [")  # before the service has looked again
    status, fault = seen(client)["market_floor"]
    assert status == "unavailable" and fault is not None
    refused(client.post("/v1/videos", json=VALID), 409)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scale_max: 1.5", "scale_max: much"),
        ("scale_max: 1.5", "scale_max: 0.1"),
        ("scale_max: 1.5", "scale_max: ${SLORA_TESTS_UNSET}"),
        ("scale_max: 1.5", "scale_mux: 1.5"),
        ("verdict: null", "verdict: pass"),
    ],
)
def test_one_scenario_s_wrong_value_takes_down_that_scenario_alone(
    own_workspace: Workspace, old: str, new: str
) -> None:
    text = own_workspace.presets.read_text()
    before, stage = text.split("  stage:\n")
    own_workspace.presets.write_text(f"{before}  stage:\n{stage.replace(old, new, 1)}")
    with local(create_app(ApiSettings(own_workspace, device="cpu"))) as client:
        for sent in ({}, {"lora_scale": 0.7}):
            problem = refused(
                client.post("/v1/videos", json={**VALID, "scenario": "stage", **sent}), 409
            )
            assert "presets.stage" in problem["detail"] and "line" in problem["detail"]
        assert client.post("/v1/videos", json=VALID).status_code == 200
        views = {one["name"]: one for one in client.get("/scenarios").json()}
        assert "presets.stage" in views["stage"]["reason"]
        assert views["market_floor"]["status"] == "promoted"


def test_a_hash_is_known_until_the_file_changes_however_its_times_are_set(tmp_path: Path) -> None:
    file = tmp_path / "adapter"
    for content in (b"one", b"two"):  # of one size, one after the other
        file.write_bytes(content)
        os.utime(file, (0, 0))
        assert known_sha256(file) == sha256_bytes(content)

"""Every refusal has its status and a message that helps, and shows nothing of the machine."""

from __future__ import annotations

import json
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.generator.choice import choose
from api.problems import install, public
from api.settings import ApiSettings
from slora_assets.config.errors import ConfigError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import edited_text, read_presets
from slora_assets.deployment.promotion import demote
from slora_assets.documents import ADAPTER_FILE, ADAPTER_RECORD, registered_path
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID, refused
from slora_assets_tests.waiting import PATIENCE_S


def test_a_scenario_without_promoted_adapter_is_409_with_the_remedy(strict: TestClient) -> None:
    for scenario in ("street", "sports_field", "stage"):
        answer = strict.post("/generate", data={**VALID, "scenario": scenario})
        assert "promote" in refused(answer, 409)["detail"]


def test_preview_refuses_a_failed_candidate_and_a_run_that_is_not_there(client: TestClient) -> None:
    failed = client.post("/generate", data={**VALID, "scenario": "sports_field"})
    assert "is fail" in refused(failed, 409)["detail"]
    refused(client.post("/generate", data={**VALID, "scenario": "stage"}), 409)


def test_a_demotion_shows_without_a_restart(own_workspace: Workspace) -> None:
    with TestClient(
        create_app(ApiSettings(own_workspace, device="cpu")), base_url="http://localhost"
    ) as client:
        assert client.get("/scenarios").json()[1]["status"] == "promoted"
        demote(own_workspace, "market_floor", "Zoë", "for the test")
        refused(client.post("/generate", data=VALID), 409)


def damaged_weights(workspace: Workspace, sha256: str) -> None:
    (workspace.registry / sha256 / ADAPTER_FILE).write_bytes(b"no adapter")


def gone(workspace: Workspace, sha256: str) -> None:
    shutil.rmtree(workspace.registry / sha256)


def linked(workspace: Workspace, sha256: str) -> None:
    shutil.rmtree(workspace.registry / sha256)
    (workspace.registry / sha256).symlink_to(
        workspace.scenario_run("market_floor") / "adapters" / "epoch_2"
    )


def for_another_base(workspace: Workspace, sha256: str) -> None:
    path = workspace.registry / sha256 / ADAPTER_RECORD
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "base_parts": {"vae": "other"}}))


def of_another_scenario(workspace: Workspace, sha256: str) -> None:
    kitchen = str(read_presets(workspace.presets).presets["kitchen"].sha256)
    values: dict[str, str | None] = {"adapter": registered_path(kitchen), "sha256": kitchen}
    text = edited_text(workspace.presets.read_text(), "market_floor", values)
    workspace.presets.write_text(text)


def taken_back(workspace: Workspace, sha256: str) -> None:
    """Demoted, and its preset pasted back."""
    before = workspace.presets.read_bytes()
    demote(workspace, "market_floor", "Zoë", "artefacts")
    workspace.presets.write_bytes(before)


def wrong_rank(workspace: Workspace, sha256: str) -> None:
    path = workspace.registry / sha256 / ADAPTER_RECORD
    path.write_text(path.read_text().replace('"rank": 4', '"rank": 5'))


@pytest.mark.parametrize(
    "damage",
    [damaged_weights, gone, linked, for_another_base, of_another_scenario, taken_back, wrong_rank],
)
def test_a_promoted_adapter_that_is_not_what_was_promoted_is_409(
    own_workspace: Workspace, damage: Any
) -> None:
    sha256 = str(read_presets(own_workspace.presets).presets["market_floor"].sha256)
    damage(own_workspace, sha256)
    app = create_app(ApiSettings(own_workspace, preview=True, device="cpu"))
    with TestClient(app, base_url="http://localhost") as client:
        assert "Remedy" in refused(client.post("/generate", data=VALID), 409)["detail"]
        answer = client.post("/generate", data={**VALID, "scenario": "kitchen"})
        assert answer.status_code == 200, "another adapter must still be served"


def test_what_exceeds_the_queue_gets_429_and_nothing_is_lost(
    own_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = own_workspace.presets.read_text()
    own_workspace.presets.write_text(re.sub(r"max_queue: \d+", "max_queue: 2", presets))
    own_workspace.jobs.unlink(missing_ok=True)  # what waits of other tests would take places
    app = create_app(ApiSettings(own_workspace, device="cpu"))
    service, go, sent = app.state.service, threading.Event(), 5
    make = service.runner.maker.make
    monkeypatch.setattr(
        service.runner.maker,
        "make",
        lambda job, step: make(job, step) if go.wait(PATIENCE_S) else None,
    )
    with (
        local(app) as client,
        ThreadPoolExecutor(sent) as pool,
    ):
        waiting = [pool.submit(client.post, "/generate", data=VALID) for _ in range(sent)]
        excess = sent - 1 - read_presets(own_workspace.presets).limits.max_queue
        while sum(one.done() for one in waiting) < excess:
            threading.Event().wait(0.01)
        go.set()
        answers = [one.result() for one in waiting]
    turned_away = [one for one in answers if one.status_code == 429]
    assert len(turned_away) == excess == 2
    assert sum(one.status_code == 200 for one in answers) == sent - excess
    for answer in turned_away:
        refused(answer, 429)
        assert int(answer.headers["retry-after"]) >= 1


def test_who_watches_the_process_waits_behind_nobody(
    own_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, readers = threading.Event(), 60

    def chosen(*told: Any) -> Any:
        assert go.wait(PATIENCE_S)
        return choose(*told)

    monkeypatch.setattr("api.scenarios.choose", chosen)
    with (
        local(create_app(ApiSettings(own_workspace, device="cpu"))) as client,
        ThreadPoolExecutor(readers + 1) as pool,
    ):
        reads = [pool.submit(client.get, "/scenarios") for _ in range(readers)]
        try:
            assert pool.submit(client.get, "/livez").result(PATIENCE_S).status_code == 200
            assert not any(one.done() for one in reads)
        finally:
            go.set()
        assert [one.result(PATIENCE_S).status_code for one in reads] == [200] * readers


def test_a_failure_while_generating_is_a_500_without_details_and_the_next_clip_is_right(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slora_assets.base_models.cogvideox import CogVideoX

    def fails(*_args: object, **_named: object) -> None:
        raise RuntimeError("shapes differ in /tmp/secret/place.py")

    with monkeypatch.context() as patch:
        patch.setattr(CogVideoX, "generate", fails)
        problem = refused(client.post("/generate", data=VALID), 500)
    assert "request's or job's id" in problem["detail"]
    assert client.post("/generate", data=VALID).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/generate", 405),
        ("DELETE", "/scenarios", 405),
        ("GET", "/nothing", 404),
        ("GET", "/redoc", 404),
        ("PUT", "/artifacts/x.mp4", 405),
        ("GET", "/artifacts/", 404),
    ],
)
def test_other_methods_and_paths_are_problems_too(
    client: TestClient, method: str, path: str, status: int
) -> None:
    refused(client.request(method, path), status)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/videos", "GET, POST"),
        ("/v1/videos/video_0", "DELETE, GET"),
        ("/generate", "POST"),
        ("/artifacts/x.mp4", "DELETE, GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_all_right_ones(client: TestClient, path: str, methods: str) -> None:
    assert client.request("PATCH", path).headers["allow"] == methods


def test_a_page_of_another_site_can_not_send_the_form(client: TestClient) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    refused(client.post("/generate", data=VALID, headers=headers), 403)
    assert client.get("/scenarios", headers={"host": "evil.example"}).status_code == 400


def test_what_fastapi_refuses_anywhere_is_the_same_problem() -> None:
    app = FastAPI()
    install(app)

    @app.get("/square")
    def square(number: int) -> int:
        return number**2

    with TestClient(app) as client:
        body = client.get("/square?number=x").json()
        assert body["errors"] == [{"field": "number", "detail": "not what is expected"}]
        assert body["type"] == "urn:slora:problem:invalid-form"
        assert client.get("/square").json()["errors"][0]["detail"] == "missing or blank"


def test_domain_errors_lose_their_paths_before_they_are_shown() -> None:
    error = SloraError(
        "can't read /home/zoe/secret.bin (C:\\Users\\zoe\\x.bin)",
        file="/home/zoe/file",
        found="/home/zoe/found",
        remedy="run `make data` in /srv/slora",
    )
    assert public(error) == "Can't read <path> (<path>). Remedy: run `make data` in <path>."


@pytest.mark.parametrize("name", ["SLORA_PORT", "SLORA_PREVIEW"])
def test_a_variable_that_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from api.settings import port_from_environment

    monkeypatch.setenv(name, "maybe")
    read = {"SLORA_PORT": port_from_environment, "SLORA_PREVIEW": ApiSettings.from_environment}
    with pytest.raises(ConfigError, match=name):
        read[name]()

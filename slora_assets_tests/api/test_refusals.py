"""Every refusal has its status and a message that helps, and shows nothing of the machine."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import FormData
from starlette.testclient import TestClient

from api.app import create_app
from api.form import GenerateForm, complaints
from api.problems import install, public
from api.settings import ApiSettings
from slora_assets.config.errors import ConfigError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import edited_text, read_presets
from slora_assets.deployment.promotion import demote
from slora_assets.documents import ADAPTER_FILE, ADAPTER_RECORD, registered_path

VALID = {"prompt": "a red cart", "scenario": "market_floor"}

PATHS = [
    "/etc/passwd",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "..\\..\\windows\\win.ini",
    "C:\\windows\\win.ini",
    "file:///etc/passwd",
    "~/.ssh/id_rsa",
    "checkpoints/registry",
    "checkpoints/registry/",
    "checkpoints/registry/..",
    ".",
    "..",
    "/",
    "checkpoints/registry/../registry",
    "./checkpoints/registry",
    "checkpoints//registry",
    "checkpoints/registry/{kitchen}/pytorch_lora_weights.safetensors",
    "{market_floor}",
    "checkpoints/registry/{market_floor}/../{market_floor}/pytorch_lora_weights.safetensors",
    "checkpoints/registry/{market_floor}/adapter.json",
    "checkpoints/registry/{market_floor}/",
    "checkpoints/registry/{market_floor}/pytorch_lora_weights.bin",
    "/dev/zero",
    "/proc/self/mem",
    "checkpoints/scenario_loras/market_floor/adapters/epoch_1/pytorch_lora_weights.safetensors",
    "{root}/checkpoints/registry/{market_floor}/pytorch_lora_weights.safetensors",
    "checkpoints/registry/{market_floor}/pytorch_lora_weights.safetensors\x00.txt",
    "checkpoints/registry/{market_floor}/pytorch_lora_weights.safetensors ",
    " checkpoints/registry/{market_floor}/pytorch_lora_weights.safetensors",
    "checkpoints\\registry\\{market_floor}\\pytorch_lora_weights.safetensors",
    "CHECKPOINTS/registry/{market_floor}/pytorch_lora_weights.safetensors",
    "https://example.org/lora.safetensors",
    "THUDM/CogVideoX-2b",
    "hf://some/lora",
    "a" * 300,
    "checkpoints/registry/\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/x",
    "$HOME",
    "`id`",
    "*",
]


def refused(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "request_id"}
    for leak in ("Traceback", "/tmp", "/etc", "site-packages", ".py"):
        assert leak not in answer.text
    return problem


@pytest.mark.parametrize(
    "scale",
    [
        "",
        " ",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "1e308",
        "1e999",
        "1_0",
        "0x1",
        "1,0",
        "١",
        "-0.1",
        "1.51",
        "true",
        "1 ",
        " 1",
        "1" * 400,
        "1.0.0",
        "--1",
        "1e",
        "²",
        "None",
        "1\x00",
    ],
)
def test_a_scale_that_is_no_number_of_the_presets_range_is_422(
    client: TestClient, scale: str
) -> None:
    problem = refused(client.post("/generate", data={**VALID, "lora_scale": scale}), 422)
    assert [one["field"] for one in problem["errors"]] == ["lora_scale"]
    assert "0 to 1.5" in problem["detail"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
def test_any_text_as_scale_is_in_range_or_refused(workspace: Workspace, text: str) -> None:
    sent = {**VALID, "lora_scale": text}
    if complaints(FormData(sent), read_presets(workspace.presets)):
        return
    scale = GenerateForm.model_validate(sent).lora_scale
    assert scale is not None
    assert 0 <= scale <= 1.5


@pytest.mark.parametrize("path", PATHS)
def test_a_lora_path_that_is_not_the_presets_adapter_is_422(
    client: TestClient, workspace: Workspace, path: str
) -> None:
    presets = read_presets(workspace.presets).presets
    hashes = {name: str(preset.sha256) for name, preset in presets.items()}
    asked = path.format(root=workspace.root, **hashes)
    problem = refused(client.post("/generate", data={**VALID, "lora_path": asked}), 422)
    assert [one["field"] for one in problem["errors"]] == ["lora_path"]
    assert registered_path(hashes["market_floor"]) in problem["detail"]


def test_a_blank_lora_path_is_422(client: TestClient) -> None:
    refused(client.post("/generate", data={**VALID, "lora_path": ""}), 422)


@pytest.mark.parametrize("scenario", ["", "nowhere", "Market_Floor", "../kitchen", "a" * 400])
def test_an_unknown_scenario_is_422_and_lists_the_known(client: TestClient, scenario: str) -> None:
    problem = refused(client.post("/generate", data={**VALID, "scenario": scenario}), 422)
    assert "kitchen, market_floor, sports_field, stage, street" in problem["detail"]


@pytest.mark.parametrize("prompt", ["", "  \n ", "x" * 501, "a\x00b", "a\x1b[31mb", "a\u202eb"])
def test_a_prompt_that_is_blank_too_long_or_unprintable_is_422(
    client: TestClient, prompt: str
) -> None:
    problem = refused(client.post("/generate", data={**VALID, "prompt": prompt}), 422)
    assert [one["field"] for one in problem["errors"]] == ["prompt"]


def test_every_field_at_fault_is_named_at_once(client: TestClient) -> None:
    sent = {"scenario": "market_floor", "lora_scale": "9", "steps": "1000"}
    problem = refused(client.post("/generate", data=sent), 422)
    assert {one["field"] for one in problem["errors"]} == {"prompt", "lora_scale", "steps"}


def test_faults_of_every_kind_are_told_together_each_once(client: TestClient) -> None:
    sent = {
        "prompt": ["a\x00b", ""],
        "scenario": "nowhere",
        "lora_path": "",
        "lora_scale": ["x", "1"],
        "steps": ["1", "2"],
    }
    problem = refused(client.post("/generate", data=sent), 422)
    said = {one["field"]: one["detail"] for one in problem["errors"]}
    assert len(said) == len(problem["errors"])
    assert said["prompt"] == said["lora_scale"] == "given more than once"
    assert said["scenario"].startswith("unknown scenario; the scenarios are kitchen, ")
    assert said["lora_path"].startswith("blank")
    assert said["steps"].startswith("unknown field")


@pytest.mark.parametrize(
    "sent",
    [
        {"prompt": ""},
        {"prompt": "a\x00b", "scenario": "nowhere", "lora_scale": "x", "lora_path": ""},
        {**VALID, "x" * 300: "y" * 300},
        {"prompt": [" ", " "], "scenario": ["", ""], "lora_scale": ["", ""]},
    ],
)
def test_complaints_are_short_and_in_the_services_words(
    client: TestClient, sent: dict[str, Any]
) -> None:
    answer = client.post("/generate", data=sent)
    for one in refused(answer, 422)["errors"]:
        assert len(one["field"]) <= 64
    for foreign in ("pydantic", "http", "Input", "Field required", "Value error", "body", "yyy"):
        assert foreign not in answer.text


def test_text_that_is_no_unicode_is_422(client: TestClient) -> None:
    # "+2AA-" is half of a surrogate pair in UTF-7, the one charset by which such text arrives.
    for name, text in (("prompt", "+2AA-"), ("lora_path", "+2AA-"), ("+2AA-", "x")):
        fields = {**VALID, name: text}
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in fields.items()
        ]
        kind = "multipart/form-data; boundary=x; charset=utf-7"
        answer = client.post(
            "/generate", content="".join([*parts, "--x--\r\n"]), headers={"content-type": kind}
        )
        refused(answer, 422)


@pytest.mark.parametrize("name", ["prompt", "scenario", "lora_scale", "lora_path"])
@pytest.mark.parametrize("texts", [["1", "1"], ["", "1"], ["1", ""]])
def test_a_field_given_twice_is_422(client: TestClient, name: str, texts: list[str]) -> None:
    problem = refused(client.post("/generate", data={**VALID, name: texts}), 422)
    [said] = [one["detail"] for one in problem["errors"] if one["field"] == name]
    assert said == "given more than once"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"prompt=x", 415),
        ("multipart/form-data", b"--x", 400),
        ("multipart/form-data; boundary=x", b"garbage", 400),
        ("multipart/form-data; boundary=x; charset=nonsense", b"--x--\r\n", 422),
        ("application/x-www-form-urlencoded", b"%ff%fe=%ed%a0%80&&&==", 422),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 70_000, 413),
        ("application/x-www-form-urlencoded", b"a=1&" * 5_000, 400),
    ],
)
def test_a_body_that_is_no_small_form_is_refused(
    client: TestClient, kind: str, body: bytes, status: int
) -> None:
    answer = client.post("/generate", content=body, headers={"content-type": kind})
    refused(answer, status)


def test_a_file_in_the_form_is_refused(client: TestClient) -> None:
    answer = client.post("/generate", data=VALID, files={"lora_path": b"weights"})
    refused(answer, 400)


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
        workspace.scenario_run("market_floor") / "adapters" / "epoch_1"
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


def wrong_rank(workspace: Workspace, sha256: str) -> None:
    path = workspace.registry / sha256 / ADAPTER_RECORD
    path.write_text(path.read_text().replace('"rank": 4', '"rank": 5'))


@pytest.mark.parametrize(
    "damage",
    [damaged_weights, gone, linked, for_another_base, of_another_scenario, wrong_rank],
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
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(ApiSettings(workspace, device="cpu"))
    service, go, sent = app.state.service, threading.Event(), 12
    real = service.worker.submit
    monkeypatch.setattr(
        service.worker, "submit", lambda _job, most: real(lambda: go.wait(30) or 1, most)
    )
    monkeypatch.setattr(service, "_generate", None)
    with (
        TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client,
        ThreadPoolExecutor(sent) as pool,
    ):
        waiting = [pool.submit(client.post, "/generate", data=VALID) for _ in range(sent)]
        excess = sent - 1 - read_presets(workspace.presets).limits.max_queue
        while sum(one.done() for one in waiting) < excess:
            threading.Event().wait(0.01)
        go.set()
        answers = [one.result() for one in waiting]
    turned_away = [one for one in answers if one.status_code == 429]
    assert len(turned_away) == excess
    for answer in turned_away:
        refused(answer, 429)
        assert int(answer.headers["retry-after"]) >= 1


def test_a_failure_while_generating_is_a_500_without_details_and_the_next_clip_is_right(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slora_assets.base_models.cogvideox import CogVideoX

    def fails(*_args: object, **_named: object) -> None:
        raise RuntimeError("out of memory in /tmp/secret/place.py")

    with monkeypatch.context() as patch:
        patch.setattr(CogVideoX, "generate", fails)
        problem = refused(client.post("/generate", data=VALID), 500)
    assert "request id" in problem["detail"]
    assert client.post("/generate", data=VALID).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/generate", 405),
        ("DELETE", "/scenarios", 405),
        ("GET", "/nothing", 404),
        ("GET", "/docs", 404),
        ("PUT", "/artifacts/x.mp4", 405),
        ("GET", "/artifacts/", 404),
    ],
)
def test_other_methods_and_paths_are_problems_too(
    client: TestClient, method: str, path: str, status: int
) -> None:
    refused(client.request(method, path), status)


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

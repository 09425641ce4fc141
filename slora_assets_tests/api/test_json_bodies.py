"""What a form may ask for may be asked for in JSON, at both addresses, and is refused as there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from slora_assets_tests.api.refused import VALID, refused

ASYNC = {"Prefer": "respond-async"}
JSON = {"Content-Type": "application/json"}


def asked(client: TestClient, path: str, **sent: Any) -> tuple[Any, Any]:
    """What a job is asked for and planned as; it is cancelled again."""
    answer = client.post(path, headers=ASYNC, **sent)
    assert answer.status_code in (200, 202), answer.text
    job = client.app.state.service.jobs.get(answer.json()["id"])  # type: ignore[attr-defined]
    client.delete(answer.headers["location"])
    return job.request, job.plan


def test_the_same_request_means_the_same_as_form_and_as_json(client: TestClient) -> None:
    more = {"negative_prompt": "a blue cart", "preset": "default"}
    numbers = {"lora_scale": 0.5, "seed": 7, "num_inference_steps": 3, "guidance_scale": 2.5}
    form = {**VALID, **more, **{name: str(value) for name, value in numbers.items()}}
    expected = asked(client, "/generate", data=form)
    alike = [
        {**VALID, **more, **numbers},
        {**form, "num_frames": None, "lora_path": None},
        {**VALID, **more, **numbers, "seed": 7.0},
    ]
    for path in ("/generate", "/v1/videos"):
        assert asked(client, path, data={**form, "num_frames": ""}) == expected
        parts = {name: (None, value) for name, value in form.items()}
        assert asked(client, path, files=parts) == expected
        for fields in alike:
            assert asked(client, path, json=fields) == expected, fields


def test_a_clip_asked_for_in_json_is_waited_for(client: TestClient) -> None:
    answer = client.post("/generate", json={**VALID, "lora_scale": 0})
    assert (answer.status_code, answer.json()["status"]) == (200, "base"), answer.text


@pytest.mark.parametrize("path", ["/generate", "/v1/videos"])
@pytest.mark.parametrize(
    ("said", "field"),
    [
        ('"seed": -1', "seed"),
        ('"seed": true', "seed"),
        ('"seed": 1.5', "seed"),
        ('"seed": "1e3"', "seed"),
        ('"seed": {"seed": 1}', "seed"),
        (f'"seed": {"9" * 400}', "seed"),
        (f'"seed": {"9" * 5000}', "seed"),
        ('"seed": 1, "seed": 1', "seed"),
        ('"prompt": "x"', "prompt"),
        ('"lora_scale": true', "lora_scale"),
        ('"lora_scale": 99', "lora_scale"),
        (f'"lora_scale": {"9" * 400}', "lora_scale"),
        ('"lora_scale": 1e999', "lora_scale"),
        ('"lora_scale": [[0.5]]', "lora_scale"),
        ('"lora_scale": NaN', "body"),
        ('"num_inference_steps": 1000.0', "num_inference_steps"),
        ('"num_inference_steps": true', "num_inference_steps"),
        ('"guidance_scale": -1e400', "guidance_scale"),
        ('"preset": ["default"]', "preset"),
        ('"negative_prompt": "\\ud800"', "negative_prompt"),
        ('"steps": 5', "steps"),
        ('"\\ud800": 5', "form"),
        ('"model": "kitchen"', "model"),
        ('"lora_path": ""', "lora_path"),
    ],
    ids=lambda said: said[:40],
)
def test_what_is_no_request_is_refused_by_field(
    client: TestClient, path: str, said: str, field: str
) -> None:
    body = f"{json.dumps(VALID)[:-1]}, {said}}}"
    problem = refused(client.post(path, content=body.encode(), headers=JSON), 422)
    assert [one["field"] for one in problem["errors"]] == [field]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"prompt": 5}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"scenario": ["market_floor"]}, "scenario"),
        ({"scenario": None}, "scenario"),
        ({"scenario": "nowhere"}, "scenario"),
    ],
)
def test_what_must_be_there_is_asked_for(
    client: TestClient, fields: dict[str, object], wrong: str
) -> None:
    for path in ("/generate", "/v1/videos"):
        problem = refused(client.post(path, json={**VALID, **fields}), 422)
        assert [one["field"] for one in problem["errors"]] == [wrong]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[1]", b'"x"', b"\xff", b"[" * 50_000, b'{"a":' * 10_000],
    ids=lambda body: repr(body[:8]),
)
def test_what_is_no_object_of_fields_is_refused(client: TestClient, body: bytes) -> None:
    for path in ("/generate", "/v1/videos"):
        problem = refused(client.post(path, content=body, headers=JSON), 422)
        assert [one["field"] for one in problem["errors"]] == ["body"]

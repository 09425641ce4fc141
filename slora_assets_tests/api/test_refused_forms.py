"""A form that can't be accepted: every field at fault is named, and nothing of the machine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.form import GenerateForm, complaints
from api.kept_presets import KeptPresets
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import read_presets
from slora_assets.documents import registered_path
from slora_assets_tests.api.refused import VALID, refused

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
    "checkpoints/scenario_loras/market_floor/adapters/epoch_2/pytorch_lora_weights.safetensors",
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
    if complaints(sent, KeptPresets(workspace.presets).now()):
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
        ("text/json", b"{}", 415),
        ("application/json", b'{"prompt": "%s"}' % (b"x" * 70_000), 413),
        ("application/json", b"{%s}" % b",".join(b'"f%d": 1' % n for n in range(17)), 400),
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

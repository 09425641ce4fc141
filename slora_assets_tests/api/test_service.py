"""What the service says of itself, how it stops, and what it doesn't load."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.generator.effect import check_effect
from api.settings import ApiSettings
from slora_assets.config.errors import GateError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import read_presets


def test_scenarios_say_what_would_serve_them(client: TestClient, strict: TestClient) -> None:
    preview = {one["name"]: one for one in client.get("/scenarios").json()}
    states = {name: one["status"] for name, one in preview.items()}
    assert states == {
        "market_floor": "promoted",
        "kitchen": "promoted",
        "street": "preview",
        "sports_field": "unavailable",
        "stage": "unavailable",
    }
    assert "is fail" in preview["sports_field"]["reason"]
    assert (preview["street"]["scale"], preview["street"]["scale_max"]) == (0.85, 1.5)
    uses = {name: one["use"] for name, one in preview.items() if one["use"]}
    assert uses == {"market_floor": "commercial", "kitchen": "commercial"}
    unpromoted = {one["name"]: one["status"] for one in strict.get("/scenarios").json()}
    assert unpromoted["street"] == "unavailable"


def test_adapters_are_the_registered_ones(client: TestClient, workspace: Workspace) -> None:
    listed = client.get("/adapters").json()
    presets = read_presets(workspace.presets).presets
    assert {one["sha256"]: one["promoted_for"] for one in listed} == {
        presets["market_floor"].sha256: ["market_floor"],
        presets["kitchen"].sha256: ["kitchen"],
    }
    assert {one["rank"] for one in listed} == {4, 8}
    assert all(one["use"] == "commercial" and one["licences"] for one in listed)


def test_a_service_without_presets_does_not_start(own_workspace: Workspace) -> None:
    own_workspace.presets.unlink()
    with pytest.raises(MissingInputError):
        create_app(ApiSettings(own_workspace))


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name, kind in (("/web/page.js", "text/javascript"), ("/web/page.css", "text/css")):
        assert name in page.text
        part = client.get(name)
        assert part.headers["content-type"].startswith(kind)
        known = {"If-None-Match": part.headers["etag"]}
        assert client.get(name, headers=known).status_code == 304
    for field in ("prompt", "lora_scale", "seed", "lora_path"):
        assert f'name="{field}"' in page.text


def test_the_schema_names_the_presets_scenarios_and_limits(
    app: FastAPI, workspace: Workspace
) -> None:
    fields = app.openapi()["components"]["schemas"]["GenerateForm"]["properties"]
    presets = read_presets(workspace.presets)
    assert fields["scenario"]["enum"] == sorted(presets.presets)
    assert fields["prompt"]["maxLength"] == presets.limits.max_prompt_characters
    assert fields["num_inference_steps"]["maximum"] == presets.limits.max_steps


def test_the_schema_names_the_form(app: FastAPI) -> None:
    document = app.openapi()
    body = document["paths"]["/generate"]["post"]["requestBody"]
    assert body["required"]
    forms = {"multipart/form-data", "application/x-www-form-urlencoded"}
    assert set(body["content"]) == {*forms, "application/json"}
    for kind in forms:
        *_, name = body["content"][kind]["schema"]["$ref"].split("/")
        form = document["components"]["schemas"][name]
        assert form["additionalProperties"] is False
        assert form["required"] == ["prompt", "scenario"]
        assert {name: field["type"] for name, field in form["properties"].items()} == {
            "prompt": "string",
            "scenario": "string",
            "lora_scale": "number",
            "seed": "integer",
            "negative_prompt": "string",
            "num_frames": "integer",
            "num_inference_steps": "integer",
            "guidance_scale": "number",
            "preset": "string",
            "lora_path": "string",
        }
        assert all(field["description"] for field in form["properties"].values())


def test_the_command_serves_this_machine_only_and_sets_libraries_up_before_torch(
    workspace: Workspace,
) -> None:
    code = (
        "import os, sys, uvicorn; from api.__main__ import main; "
        "uvicorn.Server.run = lambda server: print(server.config.host, "
        "'GOMP_SPINCOUNT' in os.environ, 'torch' in sys.modules); main()"
    )
    here = {"SLORA_WORKSPACE": str(workspace.root), "SLORA_CONFIGS": str(workspace.configs)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**{k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}, **here},
    )
    assert done.stdout.strip() == "127.0.0.1 True False"


def adapter_bytes(up: float, down: float = 1.0, name: str = "transformer.x") -> bytes:
    import torch
    from safetensors.torch import save

    tensors = {
        f"{name}.lora_A.weight": torch.full((2, 3), down),
        f"{name}.lora_B.weight": torch.full((3, 2), up),
    }
    return bytes(save(tensors))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no",
        b"\xff" * 64,
        adapter_bytes(0.0),
        adapter_bytes(float("nan")),
        adapter_bytes(1.0, float("inf")),
        adapter_bytes(1.0, 0.0),
        adapter_bytes(1.0)[:-8],
    ],
)
def test_an_adapter_that_would_do_nothing_or_harm_is_refused(content: bytes) -> None:
    with pytest.raises(GateError):
        check_effect(content)


def test_an_adapter_that_acts_is_accepted() -> None:
    assert len(check_effect(adapter_bytes(1.0))) == 2


def test_importing_the_service_loads_neither_dagster_nor_training_nor_torch() -> None:
    code = (
        "import sys, api.app, api.client; names = ('dagster', 'slora_assets.training', 'torch', "
        "'diffusers', 'open_clip'); print([n for n in names if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Speed presets are served as strengths are: where the gate let the adapter through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.promotion import promote
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID, refused
from slora_assets_tests.earned import write_sweep

SCENARIO = VALID["scenario"]


@pytest.fixture
def serve(own_workspace: Workspace) -> Iterator[Callable[..., TestClient]]:
    """Promote at strength 0.85 with sweeps of these answers by speed, and serve."""
    told = own_workspace.presets.read_text()
    own_workspace.presets.write_text(told.replace("speed:\n", "speed:\n  fast: {steps: 3}\n"))
    opened: list[TestClient] = []

    def serving(**answers: Any) -> TestClient:
        others = {(0.85, speed): answer for speed, answer in answers.items()}
        strengths = dict.fromkeys((0.25, 0.5, 0.7, 0.85, 1.0, 1.2), "inconclusive")
        write_sweep(own_workspace, SCENARIO, strengths, best=0.85, others=others)
        promote(own_workspace, SCENARIO, "Zoë", "for the tests", override_inconclusive=True)
        opened.append(local(create_app(ApiSettings(own_workspace, device="cpu"))))
        return opened[-1].__enter__()

    yield serving
    for one in opened:
        one.__exit__(None, None, None)


def test_a_speed_that_was_not_let_through_is_refused_and_not_offered(
    serve: Callable[..., TestClient],
) -> None:
    client = serve(fast="fail")
    problem = refused(client.post("/v1/videos", json={**VALID, "preset": "fast"}), 422)
    [wrong] = problem["errors"]
    assert wrong["field"] == "preset" and "not let through at fast" in wrong["detail"]
    base_alone = {**VALID, "preset": "fast", "lora_scale": "0"}
    assert client.post("/generate", data=base_alone).json()["steps"] == 3
    assert [*_card(client)["speeds"]] == ["default"]
    form = client.get("/openapi.json").json()["components"]["schemas"]["GenerateForm"]
    fits = Draft202012Validator(form).is_valid
    assert fits(VALID) and fits({**VALID, "preset": "default"})
    assert not fits({**VALID, "preset": "fast"})
    assert fits({**VALID, "preset": "fast", "lora_scale": 0})


def test_a_speed_that_was_let_through_carries_the_verdict_at_its_strength(
    serve: Callable[..., TestClient],
) -> None:
    client = serve(fast="inconclusive")
    assert {*_card(client)["speeds"]} == {"default", "fast"}
    made = client.post("/generate", data={**VALID, "preset": "fast"}).json()
    assert (made["steps"], made["verdict"], made["verdict_note"]) == (3, "inconclusive", None)
    other = {**VALID, "preset": "fast", "lora_scale": "1.0"}
    weaker = client.post("/generate", data=other).json()
    assert weaker["verdict"] is None
    assert "at strength 0.85 also with those of fast" in weaker["verdict_note"]


def _card(client: TestClient) -> dict[str, Any]:
    [found] = [one for one in client.get("/scenarios").json() if one["name"] == SCENARIO]
    return dict(found)

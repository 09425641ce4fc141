"""The accelerator is for others too: what is idle gives its memory back, and a clip waits for it no
longer than it should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import lock_descriptor
from starlette.testclient import TestClient

from api.app import create_app
from api.generator.engine import Engine, GeneratedClip
from api.settings import ApiSettings
from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID, refused
from slora_assets_tests.waiting import wait_for


@pytest.fixture
def client(own_workspace: Workspace, tmp_path: Path) -> Iterator[TestClient]:
    """With jobs of its own: those of the tests before aren't taken over."""
    settings = ApiSettings(
        own_workspace,
        device="cpu",
        idle_s=0.001,
        accelerator_wait_s=0.1,
        database=f"sqlite:///{tmp_path / 'jobs.sqlite'}",
    )
    with local(create_app(settings)) as opened:
        yield opened


def given_back(client: TestClient) -> bool:
    def weights() -> str | None:
        ready = client.get("/readyz").json()
        return None if ready["loaded"] else str(ready["parts"]["weights"])

    return wait_for(weights, "the weights to go") == "loads with the next clip"


def test_an_idle_service_gives_its_memory_back_and_the_next_clip_is_the_same(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, real = list[GeneratedClip](), Engine.generate

    def kept(*given: Any) -> GeneratedClip:
        drawn.append(real(*given))
        return drawn[-1]

    monkeypatch.setattr(Engine, "generate", kept)
    for _ in range(2):
        assert given_back(client)
        assert client.post("/generate", data=VALID).status_code == 200
    assert given_back(client)
    first, second = drawn
    assert first.frames.tobytes() == second.frames.tobytes()


def test_a_training_that_keeps_the_accelerator_fails_the_job_in_words_and_no_later_one(
    client: TestClient, own_workspace: Workspace
) -> None:
    with own_workspace.gpu_lock.open("w+") as training:
        training.write("4321")
        training.flush()
        assert lock_descriptor(training.fileno(), blocking=False)
        problem = refused(client.post("/generate", data=VALID), 503)
    assert problem["type"].endswith(":accelerator-busy")
    assert "rocess 4321" in problem["detail"] and "Remedy: wait for it" in problem["detail"]
    [job] = client.get("/v1/videos").json()["data"]
    assert (job["status"], job["error"]["code"]) == ("failed", "accelerator-busy")
    assert job["error"]["message"] == problem["detail"] and job["waiting_for"] is None
    assert client.post("/generate", data=VALID).status_code == 200


def test_the_environment_says_how_long(
    own_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(**variables: str) -> tuple[float, float]:
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            found = ApiSettings.from_environment()
        return found.idle_s, found.accelerator_wait_s

    monkeypatch.chdir(own_workspace.root)
    assert told() == told(SLORA_IDLE_S=" ") == (900, 600)
    assert told(SLORA_WARM="1") == (0, 600), "who wants it warm wants it to stay so"
    assert told(SLORA_WARM="1", SLORA_IDLE_S="60", SLORA_ACCELERATOR_WAIT_S="0") == (60, 0)
    for value in ("-1", "nan", "inf", "10 min"):
        with pytest.raises(ConfigError, match="no number of seconds"):
            told(SLORA_IDLE_S=value)

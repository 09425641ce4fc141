"""Clients written for others' services: OpenAI's, pinned, and one that asks as vLLM-Omni's do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.provenance import sha256_bytes


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    """A service on a socket of its own."""
    app: FastAPI = create_app(ApiSettings(workspace, device="cpu"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_the_openai_client_makes_lists_fetches_and_deletes(address: str, tmp_path: Path) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none is asked for", max_retries=0)
    made: Any = client.videos.create(prompt="a red cart", model="market_floor")
    done: Any = client.videos.poll(made.id, poll_interval_ms=100)
    assert (done.status, done.progress, done.error) == ("completed", 100, None)
    assert done.completed_at >= done.created_at
    assert made.id in [one.id for one in client.videos.list(limit=2)]
    client.videos.download_content(made.id).write_to_file(tmp_path / "clip.mp4")
    assert sha256_bytes((tmp_path / "clip.mp4").read_bytes()) == done.result["sha256"]
    assert client.videos.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(made.id)


def test_the_openai_client_is_told_what_is_wrong(address: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none is asked for", max_retries=0)
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.videos.create(prompt="a red cart", model="sora-2")
    assert "the scenarios are" in refused.value.response.json()["detail"]


def test_a_vllm_omni_client_polls_its_job(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        form = {
            "prompt": (None, "a red cart"),
            "model": (None, "market_floor"),
            "seed": (None, "42"),
            "num_inference_steps": (None, "3"),
            "guidance_scale": (None, "2.5"),
            "negative_prompt": (None, "a blue cart"),
        }
        made = client.post("/v1/videos", files=form).json()
        while (job := client.get(f"/v1/videos/{made['id']}").json())["status"] in (
            "queued",
            "in_progress",
        ):
            time.sleep(0.05)
        assert job["status"] == "completed", job
        result = job["result"]
        asked = (result["seed"], result["steps"], result["guidance_scale"])
        assert asked == (42, 3, 2.5)
        assert result["negative_prompt"] == "a blue cart"
        assert result["verdict"] is None and "judged" in result["verdict_note"]
        assert client.get(f"/v1/videos/{made['id']}/content").content[4:8] == b"ftyp"


def test_who_hangs_up_gives_the_job_up(address: str) -> None:
    """A long clip, whose client doesn't wait for it."""
    with httpx.Client(base_url=address) as client:
        form = {"prompt": "a red cart", "scenario": "market_floor", "num_inference_steps": "100"}
        with pytest.raises(httpx.ReadTimeout):
            client.post("/generate", data=form, timeout=0.5)
        deadline = time.monotonic() + 30
        newest: dict[str, Any] = {}
        while newest.get("status") != "cancelled":
            assert time.monotonic() < deadline, newest
            newest = client.get("/v1/videos", params={"limit": 1}).json()["data"][0]
            time.sleep(0.05)

"""Clients written for others' services: OpenAI's, pinned, and one that asks as vLLM-Omni's do. What
the contract says of jobs and keys they see alike."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import httpx
import openai
import pytest
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.exposure import Exposure
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.api_keys import add_key
from slora_assets.documents.api_keys import Scope
from slora_assets.provenance import sha256_bytes
from slora_assets_tests.waiting import PATIENCE_S, wait_for

LONG = {"prompt": "a red cart", "model": "market_floor", "num_inference_steps": 100}
"""A job that is still made when the next request comes."""


class Refused(Exception):
    """The service's refusal, whatever the client makes of it."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.text)
        self.status, self.detail = answer.status_code, answer.json()["detail"]


class Client(Protocol):
    """What both can do; each call raises Refused."""

    def create(self, **fields: Any) -> dict[str, Any]: ...

    def get(self, job: str) -> dict[str, Any]: ...

    def listed(self) -> list[str]: ...

    def content(self, job: str) -> bytes: ...

    def delete(self, job: str) -> bool: ...


class OpenAIs:
    """The pinned client; what it has no name for goes the way it has for that."""

    def __init__(self, address: str, key: str) -> None:
        client: Any = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)
        self._videos = client.videos

    def create(self, **fields: Any) -> dict[str, Any]:
        own = {name: fields.pop(name) for name in ("prompt", "model") if name in fields}
        return self._told(lambda: self._videos.create(**own, extra_body=fields)).model_dump()

    def get(self, job: str) -> dict[str, Any]:
        return self._told(lambda: self._videos.retrieve(job)).model_dump()

    def listed(self) -> list[str]:
        return [one.id for one in self._told(lambda: list(self._videos.list(limit=2)))]

    def content(self, job: str) -> bytes:
        return self._told(lambda: self._videos.download_content(job)).read()

    def delete(self, job: str) -> bool:
        return self._told(lambda: self._videos.delete(job)).deleted

    def _told(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except openai.APIStatusError as error:
            raise Refused(error.response) from error


class VllmOmnis:
    """Multipart forms, and polling."""

    def __init__(self, address: str, key: str) -> None:
        shown = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=f"{address}/v1", headers=shown, timeout=PATIENCE_S)

    def create(self, **fields: Any) -> dict[str, Any]:
        form = {name: (None, str(value)) for name, value in fields.items()}
        return dict(self._told(self.http.post("/videos", files=form)).json())

    def get(self, job: str) -> dict[str, Any]:
        return dict(self._told(self.http.get(f"/videos/{job}")).json())

    def listed(self) -> list[str]:
        return [one["id"] for one in self._told(self.http.get("/videos")).json()["data"]]

    def content(self, job: str) -> bytes:
        return self._told(self.http.get(f"/videos/{job}/content")).content

    def delete(self, job: str) -> bool:
        return bool(self._told(self.http.delete(f"/videos/{job}")).json()["deleted"])

    def _told(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_error:
            raise Refused(answer)
        return answer


Opened = Callable[[str], Client]
"""A client that shows the key of this name."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Their file, and by name what is shown of each."""
    file = tmp_path_factory.mktemp("keys") / "api_keys.json"
    scopes = {"Ada": (Scope.READ, Scope.GENERATE), "Bob": (Scope.READ, Scope.GENERATE)}
    scopes |= {"reader": (Scope.READ,), "maker": (Scope.GENERATE,)}
    return file, {name: add_key(file, name, of)[1] for name, of in scopes.items()}


@pytest.fixture(scope="module")
def address(workspace: Workspace, keys: tuple[Path, Any]) -> Iterator[str]:
    """A service on a socket of its own, which asks for keys."""
    exposure = Exposure(ask_for_keys=True, keys_file=keys[0])
    app: FastAPI = create_app(ApiSettings(workspace, device="cpu", exposure=exposure))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(params=[OpenAIs, VllmOmnis])
def opened(
    request: pytest.FixtureRequest, address: str, keys: tuple[Path, dict[str, str]]
) -> Opened:
    kind: Callable[[str, str], Client] = request.param
    return lambda name: kind(address, keys[1].get(name, name))


@pytest.fixture
def omni(address: str, keys: tuple[Path, dict[str, str]]) -> VllmOmnis:
    return VllmOmnis(address, keys[1]["Ada"])


def when(client: Client, job: str, *states: str) -> dict[str, Any]:
    """The job, once it is in one of these."""

    def once() -> dict[str, Any]:
        found = client.get(job)
        return found if found["status"] in states else {}

    return wait_for(once, lambda: f"{states}, and not {client.get(job)}")


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.status, refused.value.detail


def test_a_clip_is_made_listed_fetched_and_deleted(opened: Opened) -> None:
    client = opened("Ada")
    made = client.create(prompt="a red cart", model="market_floor")
    done = when(client, made["id"], "completed")
    assert (done["object"], done["progress"], done["error"]) == ("video", 100, None)
    assert done["completed_at"] >= done["created_at"]
    assert made["id"] in client.listed()
    assert sha256_bytes(client.content(made["id"])) == done["result"]["sha256"]
    assert client.delete(made["id"])
    for call in (client.get, client.content, client.delete):
        assert refusal(partial(call, made["id"]))[0] == 404


def test_a_job_is_cancelled_and_stays_listed_as_such(opened: Opened) -> None:
    client = opened("Ada")
    job = client.create(**LONG)["id"]
    when(client, job, "in_progress")
    assert client.delete(job)
    assert client.get(job)["status"] == "cancelled" and job in client.listed()
    assert refusal(lambda: client.content(job)) == (409, "The job is cancelled.")


def test_what_is_wrong_is_told(opened: Opened) -> None:
    client = opened("Ada")
    status, detail = refusal(lambda: client.create(prompt="a red cart", model="sora-2"))
    assert status == 422 and "the scenarios are" in detail
    assert refusal(lambda: client.create(**LONG, seconds=4))[0] == 422


def test_a_key_opens_what_it_is_good_for_and_no_job_of_anothers(opened: Opened) -> None:
    nobody, reader, maker, ada, bob = map(opened, ("wrong", "reader", "maker", "Ada", "Bob"))
    assert refusal(nobody.listed)[0] == refusal(lambda: nobody.create(**LONG))[0] == 401
    assert reader.listed() == []
    status, why = refusal(lambda: reader.create(**LONG))
    assert status == 403 and "generate" in why
    assert refusal(maker.listed)[0] == 403
    job = ada.create(**LONG)["id"]
    for client in (bob, reader):
        assert refusal(partial(client.get, job))[0] == 404
        assert job not in client.listed()
    assert refusal(lambda: bob.delete(job))[0] == 404
    assert refusal(lambda: reader.delete(job))[0] == 403
    assert ada.delete(job)


def test_a_vllm_omni_client_names_what_it_wants(omni: VllmOmnis) -> None:
    asked = {"seed": 42, "num_inference_steps": 3, "guidance_scale": 2.5}
    asked["negative_prompt"] = "a blue cart"
    made = omni.create(prompt="a red cart", model="market_floor", **asked)
    result = when(omni, made["id"], "completed")["result"]
    steps = {"num_inference_steps": result["steps"]}
    assert {name: (result | steps)[name] for name in asked} == asked
    assert result["verdict"] is None and "judged" in result["verdict_note"]


def test_events_tell_a_vllm_omni_client_of_its_job_up_to_the_end(omni: VllmOmnis) -> None:
    job = omni.create(**LONG)["id"]
    told = list[dict[str, Any]]()
    deleted = False
    with omni.http.stream("GET", f"/videos/{job}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
            if not deleted and told and told[-1]["status"] == "in_progress":
                deleted = omni.delete(job)
    assert [one["id"] for one in told] == [job] * len(told)
    assert told[-1]["status"] == "cancelled"
    answer = omni.http.get(f"/videos/{job}/events", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


def test_who_hangs_up_gives_the_job_up(omni: VllmOmnis) -> None:
    """A long clip, whose client doesn't wait for it."""
    form = {"prompt": "a red cart", "scenario": "market_floor", "num_inference_steps": "100"}
    with pytest.raises(httpx.ReadTimeout):
        omni.http.post(omni.http.base_url.join("/generate"), data=form, timeout=0.5)

    def newest() -> str:
        return str(omni.http.get("/videos", params={"limit": 1}).json()["data"][0]["status"])

    wait_for(lambda: newest() == "cancelled", newest)

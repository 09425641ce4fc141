"""`/v1/videos`: what a client sees of its jobs, from the queue to the deleted clip."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Message

from api.jobs import runner
from api.jobs.job import Job
from api.jobs.maker import Step
from api.v1_videos import _changes
from slora_assets.config.workspace import Workspace
from slora_assets.governance.detection.detect import detect
from slora_assets.provenance import sha256_bytes
from slora_assets_tests.api.followed import ended
from slora_assets_tests.api.refused import VALID, refused


def create(client: TestClient, **fields: object) -> dict[str, Any]:
    answer = client.post("/v1/videos", json={**VALID, **fields})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/videos/{job['id']}"
    return job


@pytest.fixture
def held(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Clips are not begun until the event is set."""
    service, go = client.app.state.service, threading.Event()  # type: ignore[attr-defined]
    make = service.runner.maker.make

    def later(job: Job, on_step: Step) -> object:
        while not go.wait(0.01):
            on_step(1, 4)
        return make(job, on_step)

    monkeypatch.setattr(service.runner.maker, "make", later)
    yield go
    go.set()


def test_a_job_becomes_a_clip_with_its_scores(client: TestClient) -> None:
    job = create(client, seed=7)
    assert (job["object"], job["model"], job["seed"]) == ("video", "market_floor", 7)
    done = ended(client, job)
    assert (done["status"], done["progress"], done["error"]) == ("completed", 100, None)
    clip = client.get(done["content"])
    assert clip.headers["content-type"] == "video/mp4"
    assert sha256_bytes(clip.content) == done["result"]["sha256"]
    assert done["result"]["seed"] == 7
    assert done["size"] == f"{done['result']['width']}x{done['result']['height']}"
    assert client.get(done["content"], headers={"Range": "bytes=0-9"}).status_code == 206
    assert done["result"]["job"] == job["id"]


def test_prefer_respond_async_answers_with_the_job(client: TestClient) -> None:
    answer = client.post("/generate", data=VALID, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/videos/{answer.json()['id']}"
    assert ended(client, answer.json())["status"] == "completed"


def test_a_running_job_is_cancelled_at_its_step_and_the_next_is_made(
    client: TestClient, held: threading.Event
) -> None:
    running, waiting = create(client), create(client)
    while client.get(f"/v1/videos/{running['id']}").json()["progress"] == 0:
        time.sleep(0.01)
    shown = client.get(f"/v1/videos/{waiting['id']}").json()
    assert (shown["status"], shown["queue_position"]) == ("queued", 1)
    gone = client.delete(f"/v1/videos/{running['id']}").json()
    assert gone == {"id": running["id"], "object": "video.deleted", "deleted": True}
    assert client.get(f"/v1/videos/{running['id']}").json()["status"] == "cancelled"
    refused(client.get(f"/v1/videos/{running['id']}/content"), 409)
    held.set()
    assert ended(client, waiting)["status"] == "completed"


def test_a_deleted_job_is_gone_with_its_clip_and_the_file_is_still_known(
    client: TestClient, workspace: Workspace, tmp_path: Any
) -> None:
    done = ended(client, create(client))
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(client.get(done["content"]).content)
    client.delete(f"/v1/videos/{done['id']}")
    refused(client.get(f"/v1/videos/{done['id']}"), 404)
    assert "erased" in refused(client.get(done["result"]["url"]), 410)["detail"]
    refused(client.delete(f"/v1/videos/{done['id']}"), 404)
    assert not list(workspace.artifacts.glob(f"{done['result']['id']}*"))
    assert "register" in detect(workspace, kept).layers


def test_pages_of_jobs_lead_to_the_next(client: TestClient, held: threading.Event) -> None:
    made = [create(client, prompt=f"a cart {n}")["id"] for n in range(3)]
    first = client.get("/v1/videos", params={"limit": 2}).json()
    assert [one["id"] for one in first["data"]] == made[:0:-1]
    assert first["has_more"]
    second = client.get("/v1/videos", params={"limit": 2, "after": first["last_id"]}).json()
    assert second["data"][0]["id"] == made[0]
    refused(client.get("/v1/videos", params={"after": "video_0"}), 404)
    for one in made:
        client.delete(f"/v1/videos/{one}")


def test_events_tell_each_change_up_to_the_end(client: TestClient, held: threading.Event) -> None:
    job = create(client)
    told: list[dict[str, Any]] = []
    threading.Timer(0.5, held.set).start()
    with client.stream("GET", f"/v1/videos/{job['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
    assert told[-1]["status"] == "completed"
    assert all(one != other for one, other in pairwise(told))
    assert any(one["status"] == "in_progress" for one in told)


def test_events_of_a_job_that_is_deleted_end_in_words(
    client: TestClient, held: threading.Event
) -> None:
    service, before = client.app.state.service, create(client)  # type: ignore[attr-defined]
    job = service.jobs.get(create(client)["id"])

    async def nothing() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def told() -> list[str]:
        events = _changes(Request({"type": "http"}, nothing), service, job)
        said = [await anext(events)]
        for _ in ("cancelled", "gone"):
            service.delete(job)
        return [*said, *[one async for one in events]]

    queued, deleted = asyncio.run(told())
    assert queued.startswith("event: queued\ndata: {")
    said = {"id": job.id, "object": "video.deleted", "deleted": True}
    assert deleted == f"event: deleted\ndata: {json.dumps(said)}\n\n"
    client.delete(f"/v1/videos/{before['id']}")


def test_the_same_key_gives_the_same_job(client: TestClient) -> None:
    def keyed(**fields: object) -> Any:
        headers = {"Idempotency-Key": "one of the tests'"}
        return client.post("/v1/videos", json={**VALID, **fields}, headers=headers)

    first = keyed().json()
    assert keyed().json()["id"] == first["id"]
    ended(client, first)
    assert keyed().json()["status"] == "completed"
    assert "idempotency" in refused(keyed(prompt="another"), 409)["type"]
    headers = {"Idempotency-Key": "k" * 256}
    refused(client.post("/v1/videos", json=VALID, headers=headers), 422)


def test_a_database_that_fails_for_a_while_stops_no_later_job(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = client.app.state.service.jobs  # type: ignore[attr-defined]

    def full(*_given: object, **_named: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(runner, "LOOK_EVERY_S", 0.05)
    with monkeypatch.context() as patch:
        for name in ("complete", "fail"):
            patch.setattr(store, name, full)
        refused(client.post("/generate", data=VALID), 503)
        (job,) = client.get("/v1/videos", params={"limit": 1}).json()["data"]
    assert ended(client, job)["status"] == "completed"
    assert client.post("/generate", data=VALID).status_code == 200


def test_another_site_s_page_neither_asks_nor_deletes(client: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    refused(client.post("/v1/videos", json=VALID, headers=headers), 403)
    refused(client.delete("/v1/videos/video_0", headers=headers), 403)


@pytest.fixture
def adapter_changes(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Another adapter serves from now on."""
    from api import making

    real = making.choose

    def change() -> None:
        def other(*given: Any) -> Any:
            choice = real(*given)
            record = choice.record.model_copy(update={"sha256": "f" * 64})
            return choice.__class__(**{**vars(choice), "record": record})

        monkeypatch.setattr(making, "choose", other)

    return change


def test_a_job_never_gets_another_adapter_than_it_was_accepted_for(
    client: TestClient, held: threading.Event, adapter_changes: Callable[[], None]
) -> None:
    job = create(client)
    adapter_changes()
    held.set()
    failed = ended(client, job)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "not-servable")
    assert "send it again" in failed["error"]["message"]

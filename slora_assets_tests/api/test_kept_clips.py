"""What becomes of clips: drawn by the base alone, given again, listed, expired, erased; and what is
refused before it is drawn."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from filelock import lock_descriptor
from starlette.testclient import TestClient

from api.app import create_app
from api.errors import OutOfMemory, TooCostly
from api.jobs.job import JobRequest
from api.service import Service
from api.settings import ApiSettings
from api.store.retention import Published, outdated
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Limits, SpeedPreset
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.followed import ended
from slora_assets_tests.api.refused import VALID, refused
from slora_assets_tests.full_disk import full_below
from slora_assets_tests.waiting import wait_for
from slora_assets_tests.workspaces import below

AGAIN = {"Cache-Control": ""}
"""Where an earlier clip will do."""


@pytest.fixture(scope="module")
def kept(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("kept") / "workspace"
    shutil.copytree(workspace.root, root, ignore=shutil.ignore_patterns("outputs"))
    return below(root)


@pytest.fixture(scope="module")
def client(kept: Workspace) -> Iterator[TestClient]:
    with local(create_app(ApiSettings(kept, device="cpu"))) as opened:
        yield opened


@pytest.fixture
def service(client: TestClient) -> Service:
    found = client.app.state.service  # type: ignore[attr-defined]
    assert isinstance(found, Service)
    return found


def made(client: TestClient, **fields: str) -> dict[str, Any]:
    answer = client.post("/generate", data={**VALID, **fields}, headers=AGAIN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_strength_0_is_the_base_alone_where_nothing_is_promoted(
    client: TestClient, kept: Workspace
) -> None:
    refused(client.post("/generate", data={**VALID, "scenario": "stage"}), 409)
    clip = made(client, scenario="stage", lora_scale="0")
    assert (clip["status"], clip["adapter_sha256"], clip["lora_path"]) == ("base", None, None)
    assert clip["verdict"] is None and "base's" in clip["verdict_note"]
    assert client.get(f"{clip['url']}/metadata").json() == clip
    sidecar = json.loads((kept.artifacts / f"{clip['id']}.json").read_text())
    assert "run_hash" not in sidecar and "dataset_hash" not in sidecar
    assert set(clip["stage_durations"]) == {"wait", "load", "denoise", "decode", "score"}


def test_what_a_request_says_goes_before_its_preset_and_that_before_the_default(
    client: TestClient, service: Service
) -> None:
    problem = refused(client.post("/v1/videos", json={**VALID, "preset": "fast"}), 422)
    assert [one["field"] for one in problem["errors"]] == ["preset"]
    fast = SpeedPreset(steps=3, guidance_scale=2.0)
    presets = service.presets()
    presets = presets.model_copy(update={"speed": {**presets.speed, "fast": fast}})

    def planned(**fields: Any) -> tuple[int | None, float | None, bool]:
        order = service.making.order(JobRequest(**VALID, **fields), presets)
        return order.plan.steps, order.plan.guidance_scale, order.facts["verdict"] is not None

    guidance = service.engine.base(presets.base_model).inference.guidance_scale
    assert planned() == (2, guidance, True)
    assert planned(preset="default") == (2, guidance, True)
    assert planned(preset="fast") == (3, 2.0, False)
    assert planned(preset="fast", num_inference_steps=5) == (5, 2.0, False)
    assert planned(guidance_scale=1.0) == (2, 1.0, False)


def test_what_costs_too_much_or_can_not_fit_is_refused_before_it_waits(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets, request = service.presets(), JobRequest(**VALID)
    limits = presets.limits.model_copy(update={"max_cost": 0.001})
    with pytest.raises(TooCostly, match="in 2 steps cost"):
        service.submit(request, presets.model_copy(update={"limits": limits}), anew=True)
    monkeypatch.setattr("api.affordable.available_bytes", lambda _device: 1000)
    with pytest.raises(OutOfMemory, match="Remedy"):
        service.submit(request, presets, anew=True)


def test_a_full_disk_is_told_and_leaves_no_half_of_a_clip(client: TestClient) -> None:
    asked = {**VALID, "prompt": "a cart that finds no room"}
    before = client.get("/artifacts").json()["data"]
    with full_below("artifacts"):
        told = refused(client.post("/generate", data=asked), 507)
    assert told["detail"].startswith("No space left on device. Remedy: free some space")
    assert client.get("/artifacts").json()["data"] == before
    clip = made(client, **asked)
    assert client.get(clip["url"]).status_code == 200


def test_the_same_request_gives_the_same_clip_unless_a_new_one_is_asked_for(
    client: TestClient,
) -> None:
    asked = {**VALID, "prompt": "a cart that no other test asks for"}
    first = made(client, **asked)
    again = made(client, **asked)
    assert (first["reused"], again["reused"], again["url"]) == (False, True, first["url"])
    assert made(client, **asked, seed="1")["url"] != first["url"]
    anew = client.post("/generate", data=asked).json()
    assert (anew["reused"], anew["url"] == first["url"]) == (False, False)
    job = client.post("/v1/videos", json=asked, headers=AGAIN).json()
    assert (job["status"], job["result"]["url"]) == ("completed", anew["url"])
    client.delete(f"/v1/videos/{job['id']}")
    assert client.get(anew["url"]).status_code == 200, "another job has it still"


def test_erased_clips_are_gone_in_words_and_are_made_again(client: TestClient) -> None:
    clip = made(client)
    refused(client.delete(clip["url"], headers={"Sec-Fetch-Site": "cross-site"}), 403)
    assert client.delete(clip["url"]).json() == {
        "id": clip["id"],
        "object": "artifact.deleted",
        "deleted": True,
    }
    for address in (clip["url"], f"{clip['url']}/metadata", f"/v1/videos/{clip['job']}/content"):
        assert "erased" in refused(client.get(address), 410)["detail"]
    refused(client.delete(clip["url"]), 410)
    assert client.get(f"/v1/videos/{clip['job']}").json()["content"] is None
    assert made(client)["reused"] is False


def test_the_list_leads_page_by_page_to_every_clip_and_no_other(
    client: TestClient, kept: Workspace
) -> None:
    made(client)
    broken = made(client, seed="2")
    (kept.artifacts / f"{broken['id']}.mp4").write_bytes(b"another")
    names, after = list[str](), ""
    while after is not None:
        found = client.get("/artifacts", params={"limit": 1} | ({"after": after} if after else {}))
        page = found.json()
        assert len(page["data"]) == 1 and page["has_more"] == (page["next"] is not None)
        names.append(page["data"][0]["id"])
        after = page["next"]
    there = {file.stem: file.stat().st_mtime_ns for file in kept.artifacts.glob("*.mp4")}
    assert names == sorted(set(there) - {broken["id"]}, key=lambda one: -there[one])
    listed = client.get("/artifacts", params={"scenario": "stage"}).json()["data"]
    assert {one["scenario"] for one in listed} <= {"stage"}
    for place in ("../x", f"x1-{'0' * 32}.mp4", f"1-{'0' * 32}.mp4\n", ""):
        refused(client.get("/artifacts", params={"after": place}), 422)


LIMITS = {"max_prompt_characters": 1, "max_steps": 1, "max_queue": 1, "max_body_bytes": 1024}
CLIPS = [Published(int((100 - day) * 86_400e9), f"{day}", 1_000_000) for day in range(4)]
"""Of four days, the newest of today."""


@pytest.mark.parametrize(
    ("limits", "erased"),
    [
        ({}, ""),
        ({"keep_days": 2}, "23"),
        ({"keep_clips": 3}, "3"),
        ({"keep_megabytes": 2}, "23"),
        ({"keep_megabytes": 0.1}, "123"),
        ({"keep_days": 3, "keep_megabytes": 1.5}, "123"),
    ],
)
def test_the_limits_say_which_clips_are_erased(limits: dict[str, float], erased: str) -> None:
    found = outdated(CLIPS, Limits(**LIMITS, **limits), now_s=100 * 86_400)  # type: ignore[arg-type]
    assert "".join(one.name for one in found) == erased


def test_clips_expire_once_the_limits_say_so(client: TestClient, kept: Workspace) -> None:
    old = made(client)
    assert client.get(f"/v1/videos/{old['job']}").json()["expires_at"] is None
    text = kept.presets.read_text()
    kept.presets.write_text(text.replace("keep_days: null", "keep_days: 2"))
    past = time.time() - 1.5 * 86_400
    os.utime(kept.artifacts / f"{old['id']}.mp4", (past, past))
    expires_at = client.get(f"/v1/videos/{old['job']}").json()["expires_at"]
    assert expires_at == pytest.approx(time.time() + 0.5 * 86_400, abs=60)
    os.utime(kept.artifacts / f"{old['id']}.mp4", (0, 0))
    new = made(client, seed="3")
    assert "erased" in refused(client.get(old["url"]), 410)["detail"]
    assert client.get(new["url"]).status_code == 200


def test_a_clip_waits_for_whoever_uses_the_accelerator_and_says_so(
    client: TestClient, kept: Workspace
) -> None:
    with kept.gpu_lock.open("w+") as training:
        training.write("4321")
        training.flush()
        assert lock_descriptor(training.fileno(), blocking=False)
        job = client.post("/v1/videos", json=VALID).json()
        address = f"/v1/videos/{job['id']}"
        wait_for(lambda: "4321" in (client.get(address).json()["waiting_for"] or ""))
        client.delete(address)
        assert client.get(address).json()["status"] == "cancelled"
        waiting = client.post("/v1/videos", json=VALID).json()
    shown = ended(client, waiting)
    assert (shown["status"], shown["error"], shown["waiting_for"]) == ("completed", None, None)

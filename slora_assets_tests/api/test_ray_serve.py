"""The service on Ray Serve is the service: the same clips, the same answers, whoever dies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.ray_serve import application
from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_tree
from slora_assets.provenance import sha256_bytes
from slora_assets_tests.api.conftest import MADE_BY_OTHERS, local
from slora_assets_tests.api.on_ray_serve import APPLICATION, Deployed, on_ray_serve
from slora_assets_tests.api.refused import VALID, refused
from slora_assets_tests.postgresql import Server
from slora_assets_tests.waiting import PATIENCE_S, wait_for
from slora_assets_tests.workspaces import below

DEPLOYED = Path(__file__).parents[2] / "deploy" / "ray_serve.yaml"
ANEW = {"Cache-Control": "no-cache"}
LONG = {**VALID, "num_inference_steps": 50}


@pytest.fixture(scope="module")
def deployed(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory, postgresql: Server
) -> Iterator[Deployed]:
    root = tmp_path_factory.mktemp("on_ray_serve") / "workspace"
    shutil.copytree(workspace.root, root, ignore=MADE_BY_OTHERS)
    with on_ray_serve(below(root), postgresql) as running:
        yield running


@pytest.fixture
def client(deployed: Deployed) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=deployed.url, headers=ANEW, timeout=PATIENCE_S) as opened:
        yield opened


def asked(client: httpx.Client, **fields: object) -> str:
    answer = client.post("/v1/videos", json=VALID | fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def followed(client: httpx.Client, job: str, until: str = "") -> dict[str, Any]:
    """The job when it has ended, or has first that status with steps done."""

    def there() -> dict[str, Any]:
        answer = client.get(f"/v1/videos/{job}")
        if answer.status_code != 200:  # Serve's own, while a replica begins
            return {}
        told: dict[str, Any] = answer.json()
        begun = told["status"] == until and told["progress"] > 0
        return told if begun or told["status"] not in ("queued", "in_progress") else {}

    return wait_for(there, lambda: client.get(f"/v1/videos/{job}").text)


def clips_of(client: httpx.Client, job: str) -> list[str]:
    """Hashes of all published clips that a job has made."""
    listed = client.get("/artifacts", params={"limit": 100}).json()
    return [one["sha256"] for one in listed["data"] if one["job"] == job]


@pytest.mark.slow
def test_a_clip_is_what_one_process_makes(
    client: httpx.Client, app: FastAPI, workspace: Workspace
) -> None:
    """Marks differ by a random name; scores are of the frames, and of all their pixels."""
    here = local(app).post("/generate", json=VALID).json()
    there = client.post("/generate", json=VALID).json()
    own = {"job", "id", "url", "sha256", "bytes", "seconds", "stage_durations", "peak_memory_mb"}
    assert {k: v for k, v in there.items() if k not in own} == {
        k: v for k, v in here.items() if k not in own
    }
    clip = client.get(there["url"])
    assert sha256_bytes(clip.content) == there["sha256"] == clip.headers["etag"].strip('"')
    again = client.post("/generate", json=VALID, headers={"Cache-Control": "max-age=60"}).json()
    assert (again["reused"], again["id"]) == (True, there["id"])


@pytest.mark.slow
def test_a_scenarios_requests_go_where_its_adapter_is(client: httpx.Client) -> None:
    def loaded() -> float:
        said = client.get("/metrics").text.splitlines()
        [line] = [one for one in said if one.startswith("slora_adapter_switches_total ")]
        return float(line.split()[1])

    client.post("/generate", json=VALID | {"scenario": "kitchen"})
    client.post("/generate", json=VALID)
    before = loaded()
    for seed in range(3):
        for scenario in ("kitchen", "market_floor"):
            client.post("/generate", json=VALID | {"scenario": scenario, "seed": seed})
    assert loaded() == before


@pytest.mark.slow
def test_a_job_whose_replica_is_killed_is_made_once_by_another(
    client: httpx.Client, deployed: Deployed
) -> None:
    jobs = [asked(client, num_inference_steps=30, seed=seed) for seed in range(3)]
    followed(client, jobs[0], "in_progress")
    deployed.maker(jobs[0]).kill()
    for job in jobs:
        told = followed(client, job)
        assert told["status"] == "completed", told
        assert clips_of(client, job) == [told["result"]["sha256"]]
        assert sha256_bytes(client.get(told["content"]).content) == told["result"]["sha256"]


@pytest.mark.slow
def test_jobs_outlive_the_replica_that_accepted_them(
    client: httpx.Client, deployed: Deployed
) -> None:
    jobs = [asked(client, num_inference_steps=30, seed=seed) for seed in range(60, 63)]
    followed(client, jobs[0], "in_progress")
    accepted_by = deployed.maker(jobs[-1])
    assert accepted_by.pid != deployed.maker(jobs[0]).pid
    accepted_by.kill()
    for job in jobs:
        told = followed(client, job)
        assert told["status"] == "completed", told
        assert clips_of(client, job) == [told["result"]["sha256"]]


@pytest.mark.slow
def test_a_cancelled_job_ends_after_its_step_and_leaves_no_clip(client: httpx.Client) -> None:
    job = asked(client, num_inference_steps=50, seed=77)
    waiting = asked(client, seed=78)
    followed(client, job, "in_progress")
    assert client.delete(f"/v1/videos/{job}").status_code == 200
    assert followed(client, job)["status"] == "cancelled"
    assert followed(client, waiting)["status"] == "completed"
    assert clips_of(client, job) == []
    refused(client.get(f"/v1/videos/{job}/content"), 409)


@pytest.mark.slow
def test_who_hangs_up_gives_the_job_up(client: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post("/generate", json=LONG | {"seed": 79}, timeout=0.7)
    [newest] = client.get("/v1/videos", params={"limit": 1}).json()["data"]
    assert newest["seed"] == 79
    assert followed(client, newest["id"])["status"] == "cancelled"


@pytest.mark.slow
def test_events_tell_of_steps_that_another_process_makes(client: httpx.Client) -> None:
    job, seen = asked(client, num_inference_steps=50, seed=80), list[str]()
    with client.stream("GET", f"/v1/videos/{job}/events") as answer:
        for line in answer.iter_lines():
            seen += [line.removeprefix("event: ")] if line.startswith("event: ") else []
    assert seen[-1] == "completed"
    assert seen.count("in_progress") > 2


@pytest.mark.slow
def test_refusals_are_the_services_own(client: httpx.Client) -> None:
    refused(client.post("/generate", json=VALID | {"scenario": "sports_field"}), 409)
    refused(client.post("/generate", json={"scenario": "market_floor"}), 422)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    refused(client.post("/generate", json=VALID, headers=foreign), 403)
    assert client.get("/livez", headers={"Host": "elsewhere.example"}).status_code == 400
    assert "for 2 generators" in client.get("/readyz").json()["parts"]["worker"]


def test_the_shipped_configuration_builds_the_application(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = pytest.importorskip("ray.serve.schema")
    config = schema.ServeDeploySchema.model_validate(read_tree(DEPLOYED))
    [one] = config.applications
    assert (one.import_path, one.name) == (f"{application.__module__}:application", APPLICATION)
    assert config.http_options.host == "127.0.0.1"
    monkeypatch.setenv("SLORA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("SLORA_JOBS_URL", "postgresql+psycopg://ada:secret@127.0.0.1/jobs")
    application(one.args)
    with pytest.raises(ConfigError, match=r"args\.gpus.*greater than or equal to 0"):
        application(one.args | {"gpus": -1})


@pytest.mark.parametrize("address", ["", "sqlite:////tmp/jobs.sqlite"])
def test_jobs_in_a_file_are_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    pytest.importorskip("ray.serve")
    monkeypatch.setenv("SLORA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("SLORA_JOBS_URL", address)
    with pytest.raises(ConfigError, match="kept in PostgreSQL"):
        application({})

"""Who is let in: keys and their scopes, whose jobs are seen, how often one may ask."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.exposure import Exposure
from api.settings import ApiSettings
from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.api_keys import add_key, revoke_key
from slora_assets.documents.api_keys import Scope
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID, refused

LONG = {**VALID, "num_inference_steps": "100"}
"""A job that isn't over before the next request."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "api_keys.json"


@pytest.fixture(scope="module")
def key(file: Path) -> Callable[..., dict[str, str]]:
    """Makes a key; gives the header that shows it."""

    def made(name: str, *scopes: Scope) -> dict[str, str]:
        shown = add_key(file, name, scopes or (Scope.READ, Scope.GENERATE))[1]
        return {"Authorization": f"Bearer {shown}"}

    return made


@pytest.fixture(scope="module")
def guarded(workspace: Workspace, file: Path, key: Any) -> Iterator[TestClient]:
    """A service that asks for keys."""
    key("so that there is one")
    with local(create_app(_settings(workspace, file))) as client:
        yield client


def _settings(workspace: Workspace, file: Path, **more: Any) -> ApiSettings:
    exposure = dataclasses.replace(Exposure(ask_for_keys=True, keys_file=file), **more)
    return ApiSettings(workspace, device="cpu", exposure=exposure)


def test_every_route_but_whether_it_lives_asks_for_a_key(guarded: TestClient) -> None:
    for path in guarded.app.openapi()["paths"]:  # type: ignore[attr-defined]
        problem = guarded.get(path)
        if path in ("/livez", "/readyz", "/health/live", "/health/ready"):
            assert problem.status_code == 200
            continue
        assert refused(problem, 401)["type"] == "urn:slora:problem:no-key"
        assert problem.headers.get_list("www-authenticate")[0] == 'Bearer realm="slora"'
    for header in ("Bearer slora_0_x", "Bearer ", "Basic ???", "Basic YTpi", "nonsense"):
        refused(guarded.get("/scenarios", headers={"Authorization": header}), 401)


def test_no_host_name_opens_what_is_shut(workspace: Workspace, file: Path, key: Any) -> None:
    """Where all host names are answered, none may be read as part of the address."""
    key("somebody")
    with local(create_app(_settings(workspace, file, host="0.0.0.0"))) as client:
        for host in ("x/livez?", "x/livez#", "x/livez/..", "127.0.0.1:80/livez?"):
            assert client.get("/livez", headers={"host": host}).status_code == 200
            for path in ("/scenarios", "/livez/", "/livez%2f", "/LIVEZ"):
                refused(client.get(path, headers={"host": host}), 401)


def test_a_scope_is_good_for_what_it_says(guarded: TestClient, key: Any) -> None:
    reader, maker = key("reader", Scope.READ), key("maker", Scope.GENERATE)
    assert guarded.get("/scenarios", headers=reader).status_code == 200
    assert (
        "generate" in refused(guarded.post("/generate", data=VALID, headers=reader), 403)["detail"]
    )
    refused(guarded.delete("/v1/videos/x", headers=reader), 403)
    refused(guarded.get("/v1/videos", headers=maker), 403)
    made = guarded.post("/generate", data=VALID, headers=maker)
    assert made.status_code == 200, made.text
    shown = maker["Authorization"].removeprefix("Bearer ")
    page = guarded.get("/", auth=("anybody", reader["Authorization"].removeprefix("Bearer ")))
    assert page.status_code == 200, "a browser's user may give the key as a password"
    refused(guarded.get("/", auth=("anybody", shown)), 403)


def test_a_revoked_or_expired_key_is_refused_without_a_restart(
    guarded: TestClient, file: Path, key: Any
) -> None:
    ended = key("ended")
    assert guarded.get("/scenarios", headers=ended).status_code == 200
    revoke_key(file, "ended")
    refused(guarded.get("/scenarios", headers=ended), 401)
    kept = file.read_bytes()
    file.write_text("{")
    refused(guarded.get("/scenarios", headers=key_of(kept)), 503)
    file.write_bytes(kept)


def key_of(_: bytes) -> dict[str, str]:
    return {"Authorization": "Bearer slora_whatever"}


def test_a_key_sees_and_cancels_its_own_jobs_and_an_admin_all(
    guarded: TestClient, key: Any
) -> None:
    ada, bob, root = key("Ada"), key("Bob"), key("root", Scope.ADMIN)
    same = {"Idempotency-Key": "one"}
    job = guarded.post("/v1/videos", data=LONG, headers={**ada, **same}).json()["id"]
    other = guarded.post("/v1/videos", data=LONG, headers={**bob, **same}).json()["id"]
    again = guarded.post("/v1/videos", data=LONG, headers={**ada, **same}).json()["id"]
    assert job == again != other, "the Idempotency-Keys of two clients are two"
    for path in ("", "/content", "/events"):
        refused(guarded.get(f"/v1/videos/{job}{path}", headers=bob), 404)
    refused(guarded.delete(f"/v1/videos/{job}", headers=bob), 404)

    def listed(who: dict[str, str]) -> set[str]:
        return {one["id"] for one in guarded.get("/v1/videos", headers=who).json()["data"]}

    assert (listed(ada), listed(bob)) == ({job}, {other})
    assert {job, other} <= listed(root)
    assert guarded.get(f"/v1/videos/{job}", headers=ada).json()["status"] in (
        "queued",
        "in_progress",
    )
    assert guarded.delete(f"/v1/videos/{job}", headers=ada).status_code == 200
    assert guarded.delete(f"/v1/videos/{other}", headers=root).status_code == 200


def test_a_clip_is_listed_given_again_and_erased_for_the_key_that_asked_for_it(
    guarded: TestClient, key: Any
) -> None:
    ada, bob = key("ada's"), key("bob's")
    root = key("root's", Scope.ADMIN)
    asked, again = {**VALID, "prompt": "a cart of ada's"}, {"Cache-Control": ""}
    hers = guarded.post("/generate", data=asked, headers={**ada, **again}).json()
    assert guarded.post("/generate", data=asked, headers={**ada, **again}).json()["reused"]
    his = guarded.post("/generate", data=asked, headers={**bob, **again}).json()
    assert (his["reused"], his["url"] == hers["url"]) == (False, False)

    def listed(header: dict[str, str]) -> set[str]:
        clips = guarded.get("/artifacts?limit=100", headers=header).json()["data"]
        return {one["url"] for one in clips}

    assert (listed(ada), listed(bob)) == ({hers["url"]}, {his["url"]})
    assert {hers["url"], his["url"]} <= listed(root)
    assert guarded.get(hers["url"], headers=bob).status_code == 200, "who knows the name has it"
    refused(guarded.delete(hers["url"], headers=bob), 403)
    assert guarded.delete(hers["url"], headers=ada).json()["deleted"]
    assert guarded.delete(his["url"], headers=root).json()["deleted"]


def test_a_key_has_so_many_unfinished_jobs_and_no_more(guarded: TestClient, key: Any) -> None:
    ada, bob = key("busy"), key("idle")
    ids = [guarded.post("/v1/videos", data=LONG, headers=ada).json()["id"] for _ in range(3)]
    answer = guarded.post("/v1/videos", data=LONG, headers=ada)
    assert "3 unfinished jobs" in refused(answer, 429)["detail"]
    assert int(answer.headers["retry-after"]) >= 1
    others = guarded.post("/v1/videos", data=LONG, headers=bob)
    assert others.status_code == 200
    for job in (*ids, others.json()["id"]):
        guarded.delete(f"/v1/videos/{job}", headers=ada if job in ids else bob)
    assert guarded.post("/generate", data=VALID, headers=ada).status_code == 200


def test_a_rate_is_kept_per_key_and_retry_after_is_when_the_next_is_taken(
    workspace: Workspace, file: Path, key: Any
) -> None:
    ada, bob = key("fast"), key("slow")
    with local(create_app(_settings(workspace, file, rate="3/2 second"))) as client:
        answers = [client.get("/scenarios", headers=ada) for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert refused(answers[-1], 429)["type"] == "urn:slora:problem:too-many"
        assert client.get("/scenarios", headers=bob).status_code == 200
        assert client.get("/livez", headers=ada).status_code == 200
        wait = int(answers[-1].headers["retry-after"])
        assert 1 <= wait <= 2
        time.sleep(wait)
        assert client.get("/scenarios", headers=ada).status_code == 200


def test_a_key_that_is_shown_counts_where_none_is_needed(
    workspace: Workspace, file: Path, key: Any
) -> None:
    reader = key("at home", Scope.READ)
    with local(create_app(_settings(workspace, file, ask_for_keys=False))) as client:
        assert client.get("/scenarios").status_code == 200
        assert client.get("/", headers={"Authorization": "Bearer another's"}).status_code == 200
        refused(client.delete("/v1/videos/x", headers=reader), 403)
        refused(client.get("/scenarios", headers={"Authorization": "Bearer slora_x"}), 401)


def test_whatever_it_was_bound_to_only_the_loopback_address_goes_without_a_key(
    workspace: Workspace, file: Path, key: Any
) -> None:
    settings = _settings(workspace, file, ask_for_keys=False, names=("10.0.0.5",))
    with TestClient(create_app(settings), base_url="http://10.0.0.5") as client:
        refused(client.get("/scenarios"), 401)
        assert client.get("/scenarios", headers=key("elsewhere")).status_code == 200


def test_a_service_for_others_does_not_start_without_a_key(
    workspace: Workspace, tmp_path: Path
) -> None:
    exposed = Exposure(host="0.0.0.0", keys_file=tmp_path / "none.json")
    with pytest.raises(ConfigError, match="slora api-keys add"):
        create_app(ApiSettings(workspace, exposure=exposed))
    add_key(tmp_path / "none.json", "gone", [Scope.READ])
    revoke_key(tmp_path / "none.json", "gone")
    with pytest.raises(ConfigError, match="no key"):
        create_app(ApiSettings(workspace, exposure=exposed))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SLORA_HOST", "example.org"),
        ("SLORA_HOST", "0.0.0.0:80"),
        ("SLORA_CORS_ORIGINS", "*"),
        ("SLORA_CORS_ORIGINS", "https://studio.example/"),
        ("SLORA_CORS_ORIGINS", "http://["),
        ("SLORA_RATE_LIMIT", "often"),
        ("SLORA_JOBS_PER_KEY", "0"),
        ("SLORA_REQUIRE_KEYS", "perhaps"),
    ],
)
def test_settings_that_can_not_be_meant_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable):
        Exposure.from_environment()


FOREIGN = (
    {"sec-fetch-site": "cross-site"},
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://["},
    {"origin": ""},
)


@pytest.mark.parametrize("headers", FOREIGN)
def test_no_route_takes_what_other_sites_pages_send(
    client: TestClient, headers: dict[str, str]
) -> None:
    tried = 0
    for path, methods in client.app.openapi()["paths"].items():  # type: ignore[attr-defined]
        for method in {*methods, "put", "patch"} - {"get", "head"}:
            answer = client.request(method, path, headers=headers)
            assert refused(answer, 403)["type"] == "urn:slora:problem:foreign-origin"
            tried += 1
    assert tried > 10


def test_a_site_that_was_named_may_ask_and_others_get_no_word_of_cors(
    workspace: Workspace, file: Path, key: Any
) -> None:
    named, other = {"origin": "https://studio.example"}, {"origin": "https://evil.example"}
    asks = {"access-control-request-method": "DELETE"}
    with local(create_app(_settings(workspace, file, origins=(named["origin"],)))) as client:
        granted = client.options("/v1/videos/x", headers=named | asks)
        assert granted.headers["access-control-allow-origin"] == named["origin"]
        assert "access-control-allow-credentials" not in granted.headers
        refusal = client.get("/scenarios", headers=named)
        assert refusal.status_code == 401 and "access-control-allow-origin" in refusal.headers
        ours = key("studio") | named | {"sec-fetch-site": "cross-site"}
        refused(client.delete("/v1/videos/x", headers=ours), 404)
        for method in ("OPTIONS", "GET", "DELETE"):
            answer = client.request(method, "/v1/videos/x", headers=other | asks)
            assert "access-control-allow-origin" not in answer.headers
    with local(create_app(_settings(workspace, file))) as closed:
        answer = closed.options("/scenarios", headers=named | asks)
        assert not [name for name in answer.headers if name.startswith("access-control")]

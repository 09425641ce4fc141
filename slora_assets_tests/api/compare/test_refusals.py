"""What the comparison refuses, and what comes from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.compare.blind import person_named
from api.errors import ForeignOrigin
from api.same_origin import refuse_foreign
from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.validation.preferences.report import preference_report
from slora_assets_tests.api.compare.sitting import HOSTILE, press, see
from slora_assets_tests.api.refused import refused
from slora_assets_tests.small_graph import PROJECT

_WEB = PROJECT / "api" / "compare" / "web"


def test_one_name_has_one_spelling() -> None:
    assert person_named("  Zoë \t B ") == person_named("Zoe\u0308 B") == "Zoë B"


def test_hostile_prompts_arrive_as_text(client: TestClient) -> None:
    shown = [see(client, position=i)["pair"]["prompt"] for i in range(see(client)["total"])]
    assert HOSTILE in shown
    answer = client.get("/pairs", params={"person": HOSTILE[:60]})
    assert answer.headers["content-type"] in ("application/json", "application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    script = (_WEB / "page.js").read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)
    for page in ("/", "/page.js", "/page.css"):
        policy = client.get(page).headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for file in _WEB.iterdir():
        if file.suffix in (".html", ".js", ".css"):
            assert not re.search(r"https?:|//\w+\.", file.read_text("utf-8")), file.name


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
    ],
)
def test_posts_of_other_sites_are_refused(
    client: TestClient, workspace: Workspace, headers: dict[str, str]
) -> None:
    form = {"person": "Ada", "pair": see(client)["pair"]["id"], "pressed": "left"}
    refused(client.post("/choices", data=form, headers=headers), 403)
    assert not workspace.comparisons("harbour").parent.exists()


def test_posts_of_the_page_itself_are_taken() -> None:
    refuse_foreign({"sec-fetch-site": "same-origin", "origin": "null", "host": "127.0.0.1"})
    refuse_foreign({"origin": "http://127.0.0.1:8018", "host": "127.0.0.1:8018"})
    refuse_foreign({"host": "127.0.0.1:8018"})
    with pytest.raises(ForeignOrigin):
        refuse_foreign({"origin": "", "host": "127.0.0.1:8018"})


def test_other_host_names_are_refused(client: TestClient) -> None:
    assert client.get("/pairs", headers={"host": "evil.example"}).status_code == 400


def test_unknown_names_are_404(client: TestClient, workspace: Workspace) -> None:
    for clip in ("0" * 32, "harbour_00_7.mp4", "..%2f..%2fverdict.json", "%00"):
        assert client.get(f"/clips/{clip}").status_code == 404
    refused(client.post("/choices", data={"person": "A", "pair": "1", "pressed": "left"}), 404)
    for position in (-1, 999):
        refused(client.get("/pairs", params={"person": "A", "position": position}), 404)
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"person": "", "pair": "1", "pressed": "left"}, "person"),
        ({"person": "x" * 61, "pair": "1", "pressed": "left"}, "person"),
        ({"person": "a\x00b", "pair": "1", "pressed": "left"}, "person"),
        ({"person": "Ada", "pressed": "left"}, "pair"),
        ({"person": "Ada", "pair": "1", "pressed": "both"}, "pressed"),
        ({"person": "Ada", "pair": "1"}, "pressed"),
        ({"person": ["Ada", "Bob"], "pair": "1", "pressed": "left"}, "person"),
        ({"person": "Ada", "pair": "1", "pressed": "left", "run": "x"}, "run"),
    ],
)
def test_a_form_with_a_fault_is_422_and_says_where(
    client: TestClient, form: dict[str, Any], field: str
) -> None:
    problem = refused(client.post("/choices", data=form), 422)
    assert field in {one["field"] for one in problem["errors"]}


def test_what_is_no_form_or_too_large_is_refused(client: TestClient) -> None:
    refused(client.post("/choices", json={"person": "Ada"}), 415)
    refused(client.post("/choices", data={"person": "x" * 9999}), 413)


def test_a_log_that_was_changed_by_hand_is_refused_and_not_added_to(
    client: TestClient, workspace: Workspace
) -> None:
    view = see(client)
    while view["pair"]:
        view = press(client, view, "left")
    path = workspace.comparisons("harbour")
    changed = path.read_text().replace('"pressed":"left"', '"pressed":"right"', 1)
    path.write_text(changed)
    answer = client.get("/pairs", params={"person": "Ada"})
    assert "changed" in refused(answer, 503)["detail"]
    with pytest.raises(IntegrityError, match="line 1"):
        preference_report(workspace)

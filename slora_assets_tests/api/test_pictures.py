"""What the page shows of scenarios and clips: judged frames and reports, nothing taken down, and
nothing that a request names."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.documents import RUN_RECORD
from slora_assets.provenance import write_text
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import refused
from slora_assets_tests.api.test_taken_down import SCENARIO, take
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import rewrite

PICTURE = f"/scenarios/{SCENARIO}/picture"
REPORT = f"/reports/{SCENARIO}.html"


def test_a_scenarios_picture_is_a_judged_frame_with_a_tag(client: TestClient) -> None:
    shown = {one["name"]: one["picture"] for one in client.get("/scenarios").json()}
    assert (shown[SCENARIO], shown["stage"]) == (PICTURE, None)
    found = client.get(PICTURE)
    assert found.headers["content-type"] == "image/webp"
    assert Image.open(BytesIO(found.content)).size == (16, 16)
    again = client.get(PICTURE, headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nowhere", "stage", "..%2fmarket_floor", "%2e%2e", "a%00b"])
def test_nothing_is_opened_because_a_request_names_it(client: TestClient, name: str) -> None:
    for address in (f"/scenarios/{name}/picture", f"/reports/{name}.html", f"/web/{name}"):
        assert client.get(address).status_code == 404
    assert client.get(f"/artifacts/{name}/picture").status_code == 404


def test_a_card_says_what_was_judged_and_what_it_was_made_from(client: TestClient) -> None:
    [card] = [one for one in client.get("/scenarios").json() if one["name"] == SCENARIO]
    assert card["examples"][0] == "a red person moving left at the market"
    judged = {one["scale"]: one["answer"] for one in card["judged"]}
    assert judged[0.85] == "inconclusive" and {0.0, 1.5} <= set(judged)
    assert card["dataset_hash"] == "3" * 64
    assert "Apache-2.0" in [one["licence"] for one in card["licences"]]


def test_what_was_changed_or_taken_down_is_not_shown(own_workspace: Workspace) -> None:
    sample = own_workspace.validation(SCENARIO) / "samples" / "adapter" / "first.mp4"
    report = own_workspace.report(SCENARIO)
    report.parent.mkdir(parents=True)
    write_text(report, "<!doctype html><p>A page.")
    content = sample.read_bytes()
    with local(create_app(ApiSettings(own_workspace, device="cpu"))) as client:
        page = client.get(REPORT)
        assert page.text.endswith("A page.")
        assert page.headers["content-security-policy"].startswith(
            "sandbox allow-scripts; default-src"
        )
        sample.write_bytes(content + b"\0")
        refused(client.get(PICTURE), 404)
        sample.write_bytes(content)
        assert client.get(PICTURE).status_code == 200
        seen = {"id": f"{SCENARIO}_clip", "sha256": "a" * 64, "scenario": SCENARIO}
        rewrite(
            own_workspace.scenario_run(SCENARIO) / RUN_RECORD,
            lambda record: record.update(clips=[seen | {"split": "train"}]),
        )
        put_run_on_record(own_workspace, SCENARIO)
        take(own_workspace)
        refused(client.get(PICTURE), 404)
        refused(client.get(REPORT), 404)
        [card] = [one for one in client.get("/scenarios").json() if one["name"] == SCENARIO]
        assert (card["picture"], card["report"], card["judged"]) == (None, None, [])

"""The service says what a preset and a clip were made from, to its own pages and to programs."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.provenance import sha256_file
from slora_assets_tests.governance.made import SCENARIO, adapter_of, video_of


@pytest.fixture
def client(project: Workspace) -> Iterator[TestClient]:
    app = create_app(ApiSettings(project, device="cpu"))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def _places(project: Workspace) -> list[str]:
    return [f"/scenarios/{SCENARIO}/lineage", f"/artifacts/{video_of(project).name}/lineage"]


def test_a_preset_and_a_clip_lead_back_to_exactly_what_they_were_trained_on(
    client: TestClient, project: Workspace
) -> None:
    clips = read_manifest(project.manifest(SCENARIO)).clips
    trained = {clip.id for clip in clips if clip.split in ("train", "validation")}
    for place in _places(project):
        told = client.get(place).json()
        names = {kind: set[str]() for kind in ("source", "clip", "adapter")}
        for node in told["nodes"]:
            names.setdefault(node["kind"], set()).add(node["name"])
        assert names["clip"] == trained
        assert names["adapter"] == {sha256_file(adapter_of(project))}
        assert names["source"] == {clip.source_group for clip in clips if clip.id in trained}
        assert str(project.root) not in client.get(place).text


def test_both_are_drawn(client: TestClient, project: Workspace) -> None:
    for place in _places(project):
        answer = client.get(f"{place}.svg")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "clips (" in "".join(ElementTree.fromstring(answer.text).itertext())


def test_pages_of_other_sites_get_nothing(client: TestClient, project: Workspace) -> None:
    for place in _places(project):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://example.org"}):
            for asked in (place, f"{place}.svg"):
                answer = client.get(asked, headers=headers)
                assert answer.status_code == 403
                assert "video0" not in answer.text
        own = {"Sec-Fetch-Site": "same-origin"}
        assert client.get(place, headers=own).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["stage", "nowhere", "..", "%2e%2e%2fdata", "a" * 300, "%00", "<script>alert(1)</script>"],
)
def test_what_nobody_knows_is_not_found(client: TestClient, name: str) -> None:
    for place in (f"/scenarios/{name}/lineage", f"/artifacts/{name}/lineage.svg"):
        assert client.get(place).status_code == 404

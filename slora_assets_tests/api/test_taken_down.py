"""A takedown shows in the very next answer, of a service that was never started again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.errors import Tainted
from api.generator.choice import choose, refuse_taken_down
from api.kept_presets import KeptPresets
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import read_presets
from slora_assets.documents import RUN_RECORD, Takedown, TakenClip
from slora_assets.provenance.takedowns import log_takedown
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID, refused
from slora_assets_tests.on_record import put_registered_on_record, put_run_on_record
from slora_assets_tests.workspaces import rewrite

SCENARIO = "market_floor"


@pytest.fixture
def app(own_workspace: Workspace) -> FastAPI:
    """Of a workspace in which the two promoted adapters saw a clip each."""
    for scenario in (SCENARIO, "kitchen"):
        preset = read_presets(own_workspace.presets).presets[scenario]
        seen = {"id": f"{scenario}_clip", "sha256": "a" * 64, "scenario": scenario}
        rewrite(
            own_workspace.registry / str(preset.sha256) / RUN_RECORD,
            lambda record, seen=seen: record.update(clips=[seen | {"split": "train"}]),
        )
        put_registered_on_record(own_workspace, str(preset.sha256))
    return create_app(ApiSettings(own_workspace, device="cpu"))


@pytest.fixture
def own_client(app: FastAPI) -> Iterator[TestClient]:
    with local(app) as opened:
        yield opened


def take(workspace: Workspace) -> None:
    clip = TakenClip(id=f"{SCENARIO}_clip", because="it was named")
    log_takedown(
        workspace,
        Takedown(
            asked=clip.id, by="Ada", reason="a private matter", dataset="sample", clips=[clip]
        ),
    )


def states(client: TestClient) -> dict[str, str]:
    return {one["name"]: one["status"] for one in client.get("/scenarios").json()}


def test_the_next_request_is_refused_and_others_are_not(
    own_workspace: Workspace, own_client: TestClient
) -> None:
    assert (states(own_client)[SCENARIO], states(own_client)["kitchen"]) == ("promoted",) * 2
    take(own_workspace)
    problem = refused(own_client.post("/generate", data=VALID), 409)
    assert problem["type"] == "urn:slora:problem:taken-down-footage"
    assert "has seen a clip that was taken down" in problem["detail"]
    assert "private" not in str(problem) and "Ada" not in str(problem)
    now = states(own_client)
    assert (now[SCENARIO], now["kitchen"]) == ("unavailable", "promoted")
    listed = {one["promoted_for"][0]: one for one in own_client.get("/adapters").json()}
    assert "taken down" in listed[SCENARIO]["tainted"] and listed["kitchen"]["tainted"] is None


def test_a_preview_of_it_is_refused_too(own_workspace: Workspace) -> None:
    seen = {"id": f"{SCENARIO}_clip", "sha256": "a" * 64, "scenario": "street", "split": "train"}
    rewrite(
        own_workspace.scenario_run("street") / RUN_RECORD,
        lambda record: record.update(clips=[seen]),
    )
    put_run_on_record(own_workspace, "street")
    app = create_app(ApiSettings(own_workspace, preview=True, device="cpu"))
    with local(app) as client:
        assert states(client)["street"] == "preview"
        take(own_workspace)
        assert states(client)["street"] == "unavailable"


def test_what_was_chosen_before_is_refused_when_its_turn_comes(
    own_workspace: Workspace, app: FastAPI
) -> None:
    settings = ApiSettings(own_workspace, device="cpu")
    choice = choose(settings, KeptPresets(own_workspace.presets).now(), SCENARIO)
    refuse_taken_down(settings, choice)
    take(own_workspace)
    with pytest.raises(Tainted):
        refuse_taken_down(settings, choice)


def test_a_damaged_list_serves_nothing_and_says_why(
    own_workspace: Workspace, own_client: TestClient
) -> None:
    take(own_workspace)
    own_workspace.takedowns.unlink()
    assert set(states(own_client).values()) == {"unavailable"}
    problem = refused(own_client.post("/generate", data={**VALID, "scenario": "kitchen"}), 409)
    assert "list of takedowns was cut" in problem["detail"]
    assert "restore the list from a copy" in problem["detail"]

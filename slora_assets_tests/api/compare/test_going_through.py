"""What is pressed is kept, and a person can leave and go on."""

from __future__ import annotations

import json
import re

from starlette.testclient import TestClient

from api.compare.blind import left_side
from slora_assets.config.workspace import Workspace
from slora_assets.documents import LoggedComparison
from slora_assets.validation.preferences.choices import preferred
from slora_assets.validation.preferences.report import preference_report
from slora_assets.validation.preferences.samples import sample_pairs
from slora_assets_tests.api.compare.sitting import PROMPTS, kept, opened, press, see
from slora_assets_tests.api.refused import refused
from slora_assets_tests.judged_runs import SEED


def test_a_person_goes_through_all_pairs_and_each_is_a_line(
    client: TestClient, workspace: Workspace
) -> None:
    view = see(client)
    total = view["total"]
    assert total == sum(map(len, PROMPTS.values()))
    for done in range(total):
        assert (view["done"], view["position"]) == (done, done)
        view = press(client, view, ("left", "right", "no_difference")[done % 3])
    assert (view["pair"], view["done"], view["position"]) == (None, total, total)
    lines = kept(workspace) + kept(workspace, "beach")
    assert len({(line.run, line.prompt_id) for line in lines}) == len(lines) == total
    by_pair = {(p.run, p.prompt_id): p for run in PROMPTS for p in sample_pairs(workspace, run)}
    for line in lines:
        pair = by_pair[line.run, line.prompt_id]
        assert (line.person, line.seed, line.left) == ("Ada", SEED, left_side("Ada", pair))
        assert line.adapter_sha256 == pair.adapter_sha256
        assert line.validation_hash == pair.validation_hash
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.time)


def test_what_was_preferred_follows_from_what_was_pressed_and_what_stood_there(
    client: TestClient, workspace: Workspace, made: Workspace
) -> None:
    view = see(client)
    while view["pair"]:
        left = client.get(view["pair"]["left"]).content
        pairs = [p for run in PROMPTS for p in sample_pairs(made, run)]
        (pair,) = [p for p in pairs if p.prompt == view["pair"]["prompt"]]
        adapter_is_left = left.startswith(pair.adapter.read_bytes())
        view = press(client, view, "left" if adapter_is_left else "right")
    assert {preferred(line) for run in PROMPTS for line in kept(workspace, run)} == {"adapter"}


def test_going_back_shows_what_was_pressed_and_the_later_choice_replaces_it(
    client: TestClient, workspace: Workspace
) -> None:
    first = see(client)
    press(client, first, "left")
    back = see(client, position=0)
    assert back["pair"] == {**first["pair"], "pressed": "left"}
    after = press(client, back, "no_difference")
    assert (after["position"], after["done"]) == (1, 1)
    assert see(client, position=0)["pair"]["pressed"] == "no_difference"
    lines = [line for run in PROMPTS for line in kept(workspace, run)]
    assert [line.pressed for line in lines] == ["left", "no_difference"], "nothing is rewritten"
    assert "| 1 | 1 |" in preference_report(workspace)


def test_a_restart_in_the_middle_goes_on_where_it_was(
    client: TestClient, workspace: Workspace
) -> None:
    view = press(client, see(client))
    with opened(workspace, "harbour", "beach") as again:
        after = see(again)
        assert (after["done"], after["position"]) == (1, 1)
        assert after["pair"]["prompt"] == view["pair"]["prompt"]
        old = {"person": "Ada", "pair": view["pair"]["id"], "pressed": "left"}
        assert "restarted" in refused(again.post("/choices", data=old), 404)["detail"]
        assert see(again)["done"] == 1
        press(again, after)


def test_two_persons_don_t_touch_each_other(client: TestClient, workspace: Workspace) -> None:
    press(client, see(client, "Ada"))
    assert see(client, "Bob")["done"] == 0
    view = see(client, "Bob")
    while view["pair"]:
        view = press(client, view, "right")
    assert (see(client, "Ada")["done"], see(client, "Bob")["done"]) == (1, view["total"])
    report = preference_report(workspace)
    assert "1 pair that several persons judged" in report


def test_a_torn_last_line_is_skipped_and_gives_way(
    client: TestClient, workspace: Workspace
) -> None:
    view = see(client)
    while view["pair"]:
        view = press(client, view)
    path = workspace.comparisons("harbour")
    path.write_bytes(path.read_bytes()[:-9])
    view = see(client)
    assert view["done"] == view["total"] - 1
    assert press(client, view)["pair"] is None
    assert len(kept(workspace)) == len(PROMPTS["harbour"])


def test_the_log_is_one_json_object_a_line(client: TestClient, workspace: Workspace) -> None:
    view = see(client)
    while view["pair"]:
        view = press(client, view)
    for line in workspace.comparisons("harbour").read_text("utf-8").splitlines():
        LoggedComparison.model_validate(json.loads(line))

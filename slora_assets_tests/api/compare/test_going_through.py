"""The comparison is blind, keeps what is pressed, and can be left and taken up again."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.compare.app import create_app
from api.compare.blind import in_order, left_side, padded, padded_size, person_named
from api.errors import ForeignOrigin
from api.same_origin import refuse_foreign
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import LoggedComparison
from slora_assets.validation.preferences.choices import preferred, read_choices
from slora_assets.validation.preferences.report import preference_report
from slora_assets.validation.preferences.samples import SamplePair, chosen_runs, sample_pairs
from slora_assets_tests.api.refused import refused
from slora_assets_tests.judged_runs import SEED, judged_workspace, validate, write_prompts
from slora_assets_tests.small_graph import PROJECT

HOSTILE = "</script><script>alert('x')</script> \"&amp;' \u202e<img src=x onerror=alert(1)>"
PROMPTS = {
    "harbour": [f"a boat number {number} in the harbour" for number in range(11)] + [HOSTILE],
    "beach": [f"a bather number {number}" for number in range(4)],
}
TELLING = re.compile(r"base(?!-uri)|adapter|\blora|harbour_\d|beach_\d|[0-9a-f]{64}", re.IGNORECASE)
"""What would tell a person which clip is which, or where to look it up."""
_WEB = PROJECT / "api" / "compare" / "web"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return judged_workspace(tmp_path_factory.mktemp("judged"), PROMPTS)


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy, for tests that write."""
    root = tmp_path / "workspace"
    shutil.copytree(made.root, root)
    return Workspace(root, root / "configs", root / "configs" / "data" / "sample.yaml")


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with opened(workspace, "harbour", "beach") as found:
        yield found


def opened(workspace: Workspace, *runs: str) -> TestClient:
    """The page, started anew."""
    pairs = [pair for run in runs for pair in sample_pairs(workspace, run)]
    app = create_app(workspace, pairs)
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


def see(client: TestClient, person: str = "Ada", position: int | None = None) -> dict[str, Any]:
    query = {"person": person} | ({} if position is None else {"position": position})
    answer = client.get("/pairs", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def press(client: TestClient, view: dict[str, Any], what: str = "left") -> dict[str, Any]:
    answer = client.post(
        "/choices", data={"person": view["person"], "pair": view["pair"]["id"], "pressed": what}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kept(workspace: Workspace, run: str = "harbour") -> list[LoggedComparison]:
    return read_choices(workspace.comparisons(run))


# Blindness


def test_nothing_that_the_browser_gets_tells_which_clip_is_which(client: TestClient) -> None:
    received: list[httpx.Response] = [client.get(path) for path in ("/", "/page.js", "/page.css")]
    view = see(client)
    while view["pair"]:
        received.append(client.get("/pairs", params={"person": "Ada"}))
        clips = [client.get(view["pair"][side]) for side in ("left", "right")]
        assert [clip.status_code for clip in clips] == [200, 200]
        told = [
            {k: v for k, v in clip.headers.multi_items() if k != "x-request-id"} for clip in clips
        ]
        assert told[0] == told[1], "one header differs between the two clips"
        assert not set(told[0]) & {"etag", "last-modified", "content-disposition"}
        assert clips[0].content != clips[1].content
        answer = client.post(
            "/choices", data={"person": "Ada", "pair": view["pair"]["id"], "pressed": "left"}
        )
        received += [*clips, answer]
        view = answer.json()
    for answer in received:
        # Of a clip's bytes too: no name of a file or an encoder's setting may be another on a side.
        for text in (answer.content.decode("latin-1"), str(answer.url), str(answer.headers)):
            assert not TELLING.search(text), TELLING.search(text)


def test_each_side_has_the_adapter_for_about_half_of_the_pairs_of_any_person() -> None:
    path = Path("no.mp4")
    pairs = [SamplePair("run", f"p_{i}", 1, "", path, path, "", "") for i in range(400)]
    for person in ("Ada", "Bob", "Ève"):
        left = sum(left_side(person, pair) == "adapter" for pair in pairs)
        assert 160 < left < 240
        assert in_order(person, pairs) != pairs
    differing = sum(left_side("Ada", pair) != left_side("Bob", pair) for pair in pairs)
    assert 160 < differing < 240, "persons don't get the same sides"


def test_sides_and_order_are_the_same_after_a_restart_and_names_are_not(
    workspace: Workspace,
) -> None:
    first, second = opened(workspace, "harbour"), opened(workspace, "harbour")
    for position in range(len(PROMPTS["harbour"])):
        one, other = see(first, position=position)["pair"], see(second, position=position)["pair"]
        assert one["prompt"] == other["prompt"]
        for side in ("left", "right"):
            assert first.get(one[side]).content == second.get(other[side]).content
            assert one[side] != other[side]


@given(
    a=st.binary(max_size=200),
    b=st.binary(max_size=200),
)
def test_both_clips_are_served_with_one_size_and_are_their_own_bytes_before_a_free_box(
    a: bytes, b: bytes
) -> None:
    size = padded_size(len(a), len(b))
    for clip in (a, b):
        served = padded(clip, size)
        box = served[len(clip) :]
        assert len(served) == size and served.startswith(clip)
        assert (int.from_bytes(box[:4], "big"), box[4:8]) == (len(box), b"free")


def test_a_served_clip_still_decodes_to_the_same_frames(
    client: TestClient, made: Workspace
) -> None:
    def frames(file: Any) -> Any:
        with av.open(file) as container:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode()])

    view = see(client)["pair"]
    pairs = [pair for run in PROMPTS for pair in sample_pairs(made, run)]
    (pair,) = [pair for pair in pairs if pair.prompt == view["prompt"]]
    left = pair.base if left_side("Ada", pair) == "base" else pair.adapter
    served = client.get(view["left"]).content
    assert np.array_equal(frames(io.BytesIO(served)), frames(str(left)))


# Going through


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


# Other samples


def test_choices_on_other_weights_are_stale_and_asked_again(workspace: Workspace) -> None:
    with opened(workspace, "harbour") as client:
        press(client, see(client))
        validate(workspace, "harbour", b"other weights")
        for answer in (
            client.get(see(client)["pair"]["left"]),
            client.post(
                "/choices",
                data={"person": "Ada", "pair": see(client)["pair"]["id"], "pressed": "left"},
            ),
        ):
            assert "made again" in refused(answer, 409)["detail"]
    with opened(workspace, "harbour") as client:
        assert see(client)["done"] == 0
    report = preference_report(workspace, "harbour")
    assert "Nobody has chosen" in report and "1 choice on samples of before" in report


def test_a_run_whose_prompts_have_changed_is_not_shown(workspace: Workspace) -> None:
    first, *others = PROMPTS["beach"]
    write_prompts(workspace, PROMPTS | {"beach": [first, "something else", *others[1:]]})
    with pytest.raises(IntegrityError, match="make validate"):
        sample_pairs(workspace, "beach")
    assert sample_pairs(workspace, "harbour")


def test_a_run_that_was_held_against_another_s_first_prompt_of_before_is_not_shown(
    workspace: Workspace,
) -> None:
    write_prompts(workspace, PROMPTS | {"beach": ["something else", *PROMPTS["beach"][1:]]})
    with pytest.raises(IntegrityError, match="make validate"):
        sample_pairs(workspace, "harbour")


def test_a_run_without_its_clips_is_not_shown(workspace: Workspace) -> None:
    next((workspace.validation("beach") / "samples" / "adapter").iterdir()).unlink()
    with pytest.raises(MissingInputError, match="make validate"):
        sample_pairs(workspace, "beach")


def test_an_unknown_run_is_refused_with_those_that_there_are(workspace: Workspace) -> None:
    assert chosen_runs(workspace, None) == ["beach", "harbour"]
    with pytest.raises(MissingInputError, match=r"beach.*harbour"):
        chosen_runs(workspace, "../harbour")
    shutil.rmtree(workspace.outputs)
    with pytest.raises(MissingInputError, match="no run has a verdict"):
        chosen_runs(workspace, None)


# What is refused


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


def test_one_name_has_one_spelling() -> None:
    assert person_named("  Zoë \t B ") == person_named("Zoe\u0308 B") == "Zoë B"


def test_a_player_gets_the_range_it_asks_for(client: TestClient) -> None:
    address = see(client)["pair"]["left"]
    whole = client.get(address).content
    part = client.get(address, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    head = client.head(address)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole)))


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


# The command


def test_the_command_serves_on_this_machine_and_prints_the_result_when_stopped(
    workspace: Workspace,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "api.compare", "--run", "harbour"],
        cwd=PROJECT,
        env=_environment(workspace) | {"SLORA_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            view = _waited_for(http)
            form = {"person": "Ada", "pair": view["pair"]["id"], "pressed": "right"}
            assert http.post("/choices", data=form).status_code == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert f"http://127.0.0.1:{port} shows 12 pairs (harbour)" in out
    assert "## What people prefer" in out and "| harbour | 1 | 1 |" in out


def test_the_command_says_which_runs_there_are(workspace: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.compare", "--run", "moon"],
        cwd=PROJECT,
        env=_environment(workspace),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "['beach', 'harbour']" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_comparison_loads_neither_models_nor_dagster() -> None:
    script = (
        "import sys, api.compare.__main__;"
        "print([m for m in ('torch', 'dagster', 'diffusers', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def _environment(workspace: Workspace) -> dict[str, str]:
    kept_ = {name: value for name, value in os.environ.items() if not name.startswith("SLORA_")}
    return kept_ | {
        "SLORA_WORKSPACE": str(workspace.root),
        "SLORA_CONFIGS": str(workspace.configs),
        "SLORA_DATASET": str(workspace.dataset_file),
    }


def _waited_for(http: httpx.Client) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        try:
            found: dict[str, Any] = http.get("/pairs", params={"person": "Ada"}).json()
            return found
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_log_is_one_json_object_a_line(client: TestClient, workspace: Workspace) -> None:
    view = see(client)
    while view["pair"]:
        view = press(client, view)
    for line in workspace.comparisons("harbour").read_text("utf-8").splitlines():
        LoggedComparison.model_validate(json.loads(line))

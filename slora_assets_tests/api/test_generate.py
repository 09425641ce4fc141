"""A form becomes a clip, and the clip is exactly what base, adapter and scale say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from api.generator.engine import Engine, GeneratedClip
from api.making import RANDOM_BASE
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.workspace import Workspace
from slora_assets.documents import ADAPTER_FILE
from slora_assets.provenance import sha256_bytes, sha256_file
from slora_assets_tests.api.fresh import DRAWN, GUIDANCE, PROMPT, STEPS, fresh


def ask(client: TestClient, scenario: str = "market_floor", **fields: str) -> dict[str, Any]:
    answer = client.post("/generate", data={"prompt": PROMPT, "scenario": scenario, **fields})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
def frames_of(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], tuple[bytes, str]]:
    """Ask for a clip as `fresh` draws it, and give the very frames that the service encoded, with
    the clip's address."""
    real, made = Engine.generate, list[GeneratedClip]()

    def kept(*arguments: Any) -> GeneratedClip:
        made.append(real(*arguments))
        return made[-1]

    monkeypatch.setattr(Engine, "generate", kept)

    def frames(scenario: str, scale: str) -> tuple[bytes, str]:
        drawn = {"num_inference_steps": str(STEPS), "guidance_scale": str(GUIDANCE)}
        url = ask(client, scenario, lora_scale=scale, **drawn)["url"]
        return made[-1].frames.tobytes(), url

    return frames


def test_a_clip_is_published_with_its_score_and_origin(
    client: TestClient, base: VideoBase, workspace: Workspace, tmp_path: Path
) -> None:
    import av

    made = ask(client, lora_scale="0.85")
    clip = client.get(made["url"])
    assert clip.headers["content-type"] == "video/mp4"
    assert sha256_bytes(clip.content) == made["sha256"]
    (tmp_path / "clip.mp4").write_bytes(clip.content)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    geometry = base.geometry
    assert len(frames) == geometry.frames == made["frames"]
    assert frames[0].shape == (geometry.height, geometry.width, 3)
    record = workspace.scenario_run("market_floor") / "adapters" / "epoch_2" / ADAPTER_FILE
    assert made["adapter_sha256"] == sha256_file(record)
    assert (made["status"], made["verdict"]) == ("promoted", "inconclusive")
    assert (made["scenario"], made["lora_scale"], made["seed"]) == ("market_floor", 0.85, 0)
    assert made["base"]["parts"] == base.identity().parts
    assert made["scores_note"] == f"{RANDOM_BASE} The scorer holds random weights."
    score = made["temporal_score"]
    assert score["reason"]
    assert (score["temporal_consistency"] is None) == score["frozen"]


def test_a_clip_is_scored_as_the_gate_scores_it(
    client: TestClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the speed of the scenario's footage, as the verdict measured it."""
    alone = ask(client)["temporal_score"]
    assert alone["motion_ref"] is None, "the verdict of these tests measured no footage"
    file = workspace.validation("market_floor") / "verdict.json"
    before = file.read_text()
    fast = 2 * alone["motion_speed"] + 1
    told = json.loads(before) | {"footage_scores": {"motion_speed": fast}}
    try:
        file.write_text(json.dumps(told))
        held = ask(client)["temporal_score"]
    finally:
        file.write_text(before)
    assert held["motion_ref"] == fast
    if not held["frozen"]:
        expected = held["mc_consistency"] * held["motion_speed"] / fast
        assert held["temporal_consistency"] == pytest.approx(expected)


def test_the_sidecar_leads_from_the_clip_back_to_the_footage(
    client: TestClient, workspace: Workspace
) -> None:
    made = ask(client)
    assert made["lora_scale"] == 0.85, "the preset's, where the request says none"
    sidecar = json.loads(
        (workspace.artifacts / Path(made["url"]).name).with_suffix(".json").read_text()
    )
    assert sidecar["sha256"] == made["sha256"]
    assert sidecar["adapter_sha256"] == made["adapter_sha256"]
    assert sidecar["dataset_hash"] == "3" * 64
    assert sidecar["temporal_score"] == made["temporal_score"]


def test_the_same_request_gives_the_same_frames_at_another_address(
    frames_of: Callable[[str, str], tuple[bytes, str]],
) -> None:
    first, again = (frames_of("market_floor", "0.85") for _ in range(2))
    assert first[0] == again[0] and first[1] != again[1]


def test_scale_zero_is_the_base_to_the_bit(
    base: VideoBase,
    workspace: Workspace,
    frames_of: Callable[[str, str], tuple[bytes, str]],
) -> None:
    plain = fresh(base, workspace, None, 0.0)
    assert frames_of("market_floor", "0")[0] == plain
    assert frames_of("market_floor", "1")[0] != plain
    assert frames_of("kitchen", "-0.0")[0] == plain


def test_adapters_in_alternation_equal_fresh_loads(
    base: VideoBase,
    workspace: Workspace,
    frames_of: Callable[[str, str], tuple[bytes, str]],
) -> None:
    """By the way that requests come; `test_engine` goes from each to each."""
    asked = [(scenario, scale) for scenario, scale in DRAWN if scenario is not None]
    expected = {one: fresh(base, workspace, *one) for one in asked}
    assert len(set(expected.values())) == len(asked)
    for scenario, scale in [*asked, asked[0]]:
        assert frames_of(scenario, str(scale))[0] == expected[scenario, scale], (scenario, scale)


def test_a_preview_is_labelled_with_its_verdict(client: TestClient) -> None:
    made = ask(client, "street")
    assert (made["status"], made["verdict"]) == ("preview", "inconclusive")


def test_the_adapters_own_path_is_accepted_as_file_or_folder(client: TestClient) -> None:
    for scenario in ("market_floor", "street"):
        [one] = [s for s in client.get("/scenarios").json() if s["name"] == scenario]
        for path in (one["lora_path"], one["lora_path"].removesuffix(f"/{ADAPTER_FILE}")):
            assert ask(client, scenario, lora_path=path)["lora_path"] == one["lora_path"]


def test_a_frozen_clip_has_no_temporal_score_and_says_why(
    client: TestClient, base: VideoBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.full((base.geometry.frames, 64, 96, 3), 90, dtype=np.uint8)
    monkeypatch.setattr(Engine, "generate", lambda *_: GeneratedClip(frames, 8.0, 2, 4.0))
    score = ask(client)["temporal_score"]
    assert score["temporal_consistency"] is None
    assert "frozen" in score["reason"]

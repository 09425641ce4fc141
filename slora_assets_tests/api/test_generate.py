"""A form becomes a clip, and the clip is exactly what base, adapter and scale say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from api.generator.engine import GeneratedClip
from api.making import RANDOM_BASE
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.workspace import Workspace
from slora_assets.documents import ADAPTER_FILE
from slora_assets.provenance import sha256_bytes, sha256_file

PROMPT = "a red cart moves to the left"


def ask(client: TestClient, scenario: str = "market_floor", **fields: str) -> dict[str, Any]:
    answer = client.post("/generate", data={"prompt": PROMPT, "scenario": scenario, **fields})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
def frames_of(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., NDArray[np.uint8]]:
    """Ask for a clip and give the very frames that the service encoded."""
    engine = client.app.state.service.engine  # type: ignore[attr-defined]
    real, made = engine.generate, []

    def kept(*arguments: Any) -> GeneratedClip:
        made.append(real(*arguments))
        return made[-1]

    monkeypatch.setattr(engine, "generate", kept)

    def frames(scenario: str, scale: str) -> NDArray[np.uint8]:
        ask(client, scenario, lora_scale=scale)
        found: NDArray[np.uint8] = made[-1].frames
        return found

    return frames


def freshly_made(
    base: VideoBase, workspace: Workspace, scenario: str | None, scale: float = 0.85
) -> NDArray[np.uint8]:
    """What a new pipeline makes with the scenario's adapter, or without any."""
    pipeline = base.pipeline("cpu", "float32")
    if scenario is not None:
        adapter = workspace.scenario_run(scenario) / "adapters" / "epoch_2" / ADAPTER_FILE
        base.load_adapter(pipeline, adapter, "fresh", scale)
    return base.generate(
        pipeline, prompt=PROMPT, seed=0, steps=2, guidance_scale=base.inference.guidance_scale
    )


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
    sidecar = json.loads(
        (workspace.artifacts / Path(made["url"]).name).with_suffix(".json").read_text()
    )
    assert sidecar["sha256"] == made["sha256"]
    assert sidecar["adapter_sha256"] == made["adapter_sha256"]
    assert sidecar["dataset_hash"] == "3" * 64
    assert sidecar["temporal_score"] == made["temporal_score"]


def test_scale_defaults_to_the_presets(client: TestClient) -> None:
    assert ask(client)["lora_scale"] == 0.85


def test_the_same_request_gives_the_same_frames_at_another_address(
    client: TestClient, frames_of: Callable[..., NDArray[np.uint8]]
) -> None:
    first = frames_of("market_floor", "0.85")
    assert np.array_equal(first, frames_of("market_floor", "0.85"))
    assert ask(client)["url"] != ask(client)["url"]


def test_scale_zero_is_the_base_to_the_bit(
    base: VideoBase, workspace: Workspace, frames_of: Callable[..., NDArray[np.uint8]]
) -> None:
    plain = freshly_made(base, workspace, None)
    assert np.array_equal(frames_of("market_floor", "0"), plain)
    assert not np.array_equal(frames_of("market_floor", "1"), plain)
    assert np.array_equal(frames_of("kitchen", "-0.0"), plain)


def test_adapters_in_alternation_equal_fresh_loads(
    base: VideoBase, workspace: Workspace, frames_of: Callable[..., NDArray[np.uint8]]
) -> None:
    asked = [("market_floor", 0.85), ("kitchen", 0.85), ("street", 0.85), ("kitchen", 1.5)]
    expected = {key: freshly_made(base, workspace, *key) for key in asked}
    assert len({frames.tobytes() for frames in expected.values()}) == len(asked)
    for scenario, scale in [*asked, *reversed(asked)]:
        found = frames_of(scenario, str(scale))
        assert np.array_equal(found, expected[scenario, scale]), (scenario, scale)


def test_a_preview_is_labelled_with_its_verdict(client: TestClient) -> None:
    made = ask(client, "street")
    assert (made["status"], made["verdict"]) == ("preview", "inconclusive")


def test_the_adapters_own_path_is_accepted_as_file_or_folder(client: TestClient) -> None:
    for scenario in ("market_floor", "street"):
        [one] = [s for s in client.get("/scenarios").json() if s["name"] == scenario]
        for path in (one["lora_path"], one["lora_path"].removesuffix(f"/{ADAPTER_FILE}")):
            assert ask(client, scenario, lora_path=path)["lora_path"] == one["lora_path"]


def test_both_kinds_of_form_are_read(client: TestClient) -> None:
    fields = {"prompt": (None, PROMPT), "scenario": (None, "market_floor")}
    answer = client.post("/generate", files=fields)
    assert answer.status_code == 200, answer.text


def test_a_frozen_clip_has_no_temporal_score_and_says_why(
    client: TestClient, base: VideoBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.full((base.geometry.frames, 64, 96, 3), 90, dtype=np.uint8)
    engine = client.app.state.service.engine  # type: ignore[attr-defined]
    monkeypatch.setattr(engine, "generate", lambda *_: GeneratedClip(frames, 8.0, 2, 4.0))
    score = ask(client)["temporal_score"]
    assert score["temporal_consistency"] is None
    assert "frozen" in score["reason"]

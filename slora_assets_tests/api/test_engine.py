"""The engine: going from adapter to adapter, and staying healthy whatever a clip comes to."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import making
from api.errors import GenerationTimeout
from api.generator.engine import Engine, Recipe
from api.generator.memory import is_out_of_memory
from api.generator.slots import Adapter
from api.making import within
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.workspace import Workspace
from slora_assets.documents import SpeedPreset
from slora_assets.provenance.records import read_adapter_record
from slora_assets_tests.api.fresh import DRAWN, GUIDANCE, PROMPT, STEPS, fresh
from slora_assets_tests.api.refused import VALID, refused


@pytest.fixture(scope="module")
def engine(workspace: Workspace) -> Engine:
    return Engine(workspace.models, "cpu")


def recipe(workspace: Workspace, scenario: str | None, scale: float, **more: Any) -> Recipe:
    adapter = None
    if scenario is not None:
        folder = workspace.scenario_run(scenario) / "adapters" / "epoch_2"
        adapter = Adapter(folder, read_adapter_record(folder), scale)
    given = {"prompt": PROMPT, "seed": 0, **more}
    return Recipe(adapter, speed=SPEED, max_steps=2, **given)


SPEED = SpeedPreset(steps=STEPS, guidance_scale=GUIDANCE)


def test_whatever_was_drawn_before_a_clip_is_the_one_of_a_fresh_pipeline(
    engine: Engine, base: VideoBase, workspace: Workspace
) -> None:
    """Two adapters stay loaded."""
    chance = random.Random(0)
    expected = {one: fresh(base, workspace, *one) for one in DRAWN}
    assert len(set(expected.values())) == len(DRAWN)
    for one in chance.choices(DRAWN, k=8):
        asked = recipe(workspace, *one, kept_adapters=2)
        found = engine.generate(str(base.folder), asked)  # type: ignore[attr-defined]
        assert found.frames.tobytes() == expected[one], one


def out_of_memory() -> Exception:
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("place", ["generate", "measure_temporal"])
def test_after_out_of_memory_the_next_clip_is_the_one_of_a_fresh_pipeline(
    client: TestClient,
    base: VideoBase,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    engine = client.app.state.service.engine  # type: ignore[attr-defined]

    def fails(*_given: object, **_named: object) -> None:
        raise out_of_memory()

    with monkeypatch.context() as patch:
        opened = engine.base(str(base.folder))  # type: ignore[attr-defined]
        # The class's: what is set back on an object stays there, and hides its class's for ever.
        patch.setattr(type(opened) if place == "generate" else making, place, fails)
        problem = refused(client.post("/generate", data=VALID), 503)
        assert problem["type"].endswith(":out-of-memory") and "Remedy" in problem["detail"]
        (job,) = client.get("/v1/videos", params={"limit": 1}).json()["data"]
        assert (job["status"], job["error"]["code"]) == ("failed", "out-of-memory")
        assert not engine.loaded
    asked = recipe(workspace, "kitchen", 1.3)
    found = engine.generate(str(base.folder), asked).frames  # type: ignore[attr-defined]
    assert found.tobytes() == fresh(base, workspace, "kitchen", 1.3)


@pytest.mark.parametrize(
    "error",
    [
        out_of_memory,
        MemoryError,
        lambda: OSError(12, "Cannot allocate memory"),
        lambda: RuntimeError("std::bad_alloc"),
        lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tri"),
    ],
)
def test_lack_of_memory_is_known_in_whatever_words(error: Callable[[], Exception]) -> None:
    assert is_out_of_memory(error())


def test_other_failures_are_no_lack_of_memory() -> None:
    for error in (ValueError("out of memory"), RuntimeError("shapes differ"), OSError(2, "none")):
        assert not is_out_of_memory(error)


def test_a_clip_that_takes_too_long_is_given_up_at_its_step(
    engine: Engine, base: VideoBase, workspace: Workspace
) -> None:
    steps: list[int] = []
    step = within(lambda done, _: steps.append(done), 0)
    with pytest.raises(GenerationTimeout, match="1 of 1 steps"):
        engine.generate(
            str(base.folder),  # type: ignore[attr-defined]
            recipe(workspace, None, 0.0),
            step,
        )
    assert steps == [1]


def test_a_prompt_beyond_what_the_text_encoder_reads_is_told_with_its_tokens(
    engine: Engine, base: VideoBase, workspace: Workspace
) -> None:
    name, most = str(base.folder), base.text_shape()[0]  # type: ignore[attr-defined]
    short = engine.generate(name, recipe(workspace, None, 0.0))
    assert short.warnings == ()
    long = engine.generate(name, recipe(workspace, None, 0.0, prompt="a red cart " * most))
    assert f"the first {most}" in long.warnings[0]
    assert set(short.durations_s) == {"load", "denoise", "decode"}
    assert short.peak_mib is None or short.peak_mib > 0

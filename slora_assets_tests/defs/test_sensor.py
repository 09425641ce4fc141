"""The sensor asks for every refresh that is wanted, for no other, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from slora_assets.documents import Takedown, TakenClip
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance.takedowns import log_takedown
from slora_assets_tests.defs.refresh_histories import examined_here, faults, settle
from slora_assets_tests.defs.refresh_world import World


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (16, 64, 96, 3), np.uint8)
    write_mp4(path, noise, 8)
    return path.read_bytes()


@pytest.fixture
def world(tmp_path: Path, video: bytes) -> Iterator[World]:
    with examined_here(), dg.DagsterInstance.ephemeral() as instance:
        yield World(tmp_path, instance, video)


@pytest.mark.parametrize("seed", range(12))
def test_every_touched_scenario_is_refreshed_and_no_other(world: World, seed: int) -> None:
    assert faults(world, seed, steps=40) == []


@pytest.mark.parametrize("how", ["failure", "cancel"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_refresh_that_did_not_end_well_is_asked_for_again(
    world: World, how: str, after: int
) -> None:
    settle(world)
    world.remove(world.add("harbour"))
    gone = next(clip for clip, owner in world.clips.items() if owner == "harbour")
    world.change(gone)
    world.tick()
    world.tick()
    world.end(world.running[0], "success", 0)
    assert world.tick() == 1
    world.end(world.running[0], how, after)
    assert world.tick() == 0 and "tried again in" in world.said
    world.offset_s += 3600
    assert world.tick() == 1
    world.end(world.running[0], "success", 0)
    assert world.saw["harbour"] == world.truth("harbour")


def test_a_file_that_goes_returns_and_goes_is_followed_each_time(world: World) -> None:
    clip = world.add("meadow")
    settle(world)
    for _ in range(2):
        world.remove(clip)
        settle(world)
        assert clip not in world.saw["meadow"]
        world.put_back(clip)
        settle(world)
        assert clip in world.saw["meadow"]


def test_a_takedown_is_followed_in_its_scenario_alone(world: World) -> None:
    clip = world.add("meadow")
    settle(world)
    before = dict(world.saw)
    taken = TakenClip(id=clip, because="it was named")
    log_takedown(
        world.workspace,
        Takedown(asked=clip, by="Ada", reason="asked", dataset="world", clips=[taken]),
    )
    settle(world)
    assert before["meadow"].keys() - world.saw["meadow"].keys() == {clip}
    assert {n for n, clips in world.saw.items() if clips != before[n]} == {"meadow"}


def test_a_scenario_that_is_not_loaded_yet_holds_nobody_back(world: World) -> None:
    settle(world)
    world.configured.append("island")
    world.configure()
    for split in ("train", "validate"):
        world.add("island", split)
    world.add("harbour")
    world.tick()
    world.tick()
    world.end(world.running[0], "success", 0)
    assert world.tick() == 1
    assert world.requests[-1] == ("refresh", "harbour")
    world.end(world.running[0], "success", 0)
    assert world.tick() == 0 and "island is new: reload the code location" in world.said
    world.restart()
    assert world.tick() == 1 and world.requests[-1] == ("refresh", "island")


def test_footage_that_still_arrives_is_left_alone(world: World) -> None:
    settle(world)
    clip = world.add("harbour")
    for _ in range(3):
        assert world.tick() == 0 and "still arriving" in world.said
        world.change(clip)
    world.tick()
    assert world.tick() == 1 and world.requests[-1] == ("data", None)


def test_footage_that_cannot_be_listed_takes_nothing_away(world: World) -> None:
    settle(world)
    (world.root / "videos").rename(world.root / "unmounted")
    assert world.tick() == 0 and "can't look now" in world.said
    (world.root / "unmounted").rename(world.root / "videos")
    assert world.tick() == 0 and "as their footage wants them" in world.said

"""Random histories of what people and machines do to a world, and what must have come of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from slora_assets.footage import inventory
from slora_assets.processes.isolation import Task
from slora_assets_tests.defs.refresh_world import World

_DEEDS: Final = (
    *("add", "remove", "change", "put back", "end", "end", "tick", "tick", "tick"),
    *("wait", "restart", "configure"),
)
_HALF_A_DAY: Final = 12 * 3600.0


@contextmanager
def examined_here() -> Iterator[None]:
    """Footage is examined in this process: starting another takes longer than a whole history."""

    def in_turn(function: Callable[..., object], tasks: Iterable[Task]) -> list[object]:
        return [function(*arguments) for _, arguments, _ in tasks]

    with patch.object(inventory, "isolated", in_turn):
        yield


def settle(world: World) -> None:
    """Let everything be done that is asked for, without a fault, until nothing is."""
    quiet = 0
    for _ in range(60):
        for running in list(world.running):
            world.end(running, "success", 0)
        if world.loaded != world.configured:
            world.restart()
        world.offset_s += _HALF_A_DAY
        quiet = 0 if world.tick() else quiet + 1
        if quiet == 3:
            return
    raise AssertionError(f"requests never end: {world.requests[-5:]}")


def play(world: World, chance: random.Random, steps: int) -> None:
    """Do so many random things."""
    kept = set(world.clips)  # each scenario keeps what it needs to be trained at all
    for _ in range(steps):
        deed = chance.choice(_DEEDS)
        removable = sorted(world.clips.keys() - kept)
        if deed == "add":
            world.add(chance.choice(world.configured))
        elif deed == "remove" and removable:
            world.remove(chance.choice(removable))
        elif deed == "change":
            world.change(chance.choice(sorted(world.clips)))
        elif deed == "put back" and world.removed:
            world.put_back(chance.choice(sorted(world.removed)))
        elif deed == "end" and world.running:
            how = chance.choice(["success", "success", "failure", "cancel"])
            world.end(chance.choice(world.running), how, chance.randrange(3))
        elif deed == "wait":
            world.offset_s += chance.choice([10.0, 90.0, 3600.0])
        elif deed == "restart":
            world.restart()
        elif deed == "configure" and "island" not in world.configured and chance.random() < 0.3:
            world.configured.append("island")
            world.configure()
            kept |= {world.add("island", split) for split in ("train", "train", "validate")}
        elif deed == "tick":
            world.tick()


def faults(world: World, seed: int, steps: int) -> list[str]:
    """Play one history from a settled world to a settled world; what came out otherwise than the
    plain model says."""
    settle(world)
    before = {name: world.truth(name) for name in world.configured}
    asked = len(world.requests)
    world.touched.clear()
    play(world, random.Random(seed), steps)
    settle(world)
    found = []
    for name in world.configured:
        if world.saw.get(name) != world.truth(name):
            found.append(f"{name}: the adapter saw other clips than there are")
    for _, scenario in world.requests[asked:]:
        if scenario in before and scenario not in world.touched:
            found.append(f"{scenario}: refreshed although nothing touched it")
    return found

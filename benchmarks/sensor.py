"""The sensor: random histories against a plain model, and a tick over many files.

`python benchmarks/sensor.py` plays 200 histories of 40 deeds each (footage is added, removed,
changed and returned, runs end well, fail or are cancelled, a scenario is added, the daemon starts
again) with the real sensor and curation, and counts those after which every touched scenario has
been refreshed and no other. Then it times ticks over a folder of 100,000 files: the first of a code
server, which reads the metadata, and later ones.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import numpy as np
import orjson
import with_tests  # noqa: F401

from slora_assets.config.data import read_dataset
from slora_assets.curation.stage import curate
from slora_assets.documents import FootageFile, Inventory
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.listing import listing_hash, remember_listing
from slora_assets.provenance import sha256_file, write_json
from slora_assets_tests.defs.refresh_histories import examined_here, faults
from slora_assets_tests.defs.refresh_world import World

FACTS = {"bytes_": 0, "width": 96, "height": 64, "fps": 8.0, "duration_s": 2.0, "codec": "h264"}


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--files", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_mp4(path, np.random.default_rng(0).integers(0, 255, (16, 64, 96, 3), np.uint8), 8)
        video = path.read_bytes()
    right = sum(history(video, options.first_seed + number) for number in range(options.histories))
    print(f"{right} of {options.histories} histories as the model says")
    ticks(video, options.files)


def history(video: bytes, seed: int) -> bool:
    """Play one; say what was wrong."""
    with (
        tempfile.TemporaryDirectory() as folder,
        examined_here(),
        dg.DagsterInstance.ephemeral() as instance,
    ):
        found = faults(World(Path(folder), instance, video), seed, steps=40)
    for fault in found:
        print(f"seed {seed}: {fault}")
    return not found


def ticks(video: bytes, count: int) -> None:
    """Time ticks over `count` clips, of which nothing has changed since they were curated."""
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        world = World(Path(folder), instance, video)
        fill(world, count)
        with patch("slora_assets_tests.defs.refresh_world._contents", lambda _: {}):
            world.tick()
            first = seconds(world.tick)
            for running in list(world.running):
                world.end(running, "success", 0)
            later = [seconds(world.tick) for _ in range(5)]
            world.restart()
            again = seconds(world.tick)
        world.tick()  # this one asserts that nothing is written
    print(f"tick over {count} files, nothing changed: {statistics.median(later):.2f} s,")
    print(f"  the first of a code server {max(first, again):.2f} s, nothing written")
    print(f"  {world.said[:200]}")


def fill(world: World, count: int) -> None:
    """So many clips of three scenarios, curated; the inventory is written, not taken."""
    videos = world.root / "videos"
    names = ("harbour", "meadow", "workshop")
    captions = []
    for number in range(count):
        (videos / f"many{number:06d}.mp4").touch()
        captions.append(
            {"clip": f"many{number:06d}", "caption": f"somebody at the {names[number % 3]}"}
        )
    (world.root / "captions.json").write_bytes(orjson.dumps(captions))
    file = world.workspace.dataset_file
    text = file.read_text().replace("[videos]", "[captions.json]")
    file.write_text(text.replace("format: folder", "format: captioned_clips"))
    dataset, scenarios = read_dataset(file)
    files = {
        name: FootageFile(path=f"videos/{name}.mp4", sha256=f"{number:064d}", **FACTS)
        for number, name in enumerate(sorted(path.stem for path in videos.glob("many*.mp4")))
    }
    hashes = {"captions.json": sha256_file(world.root / "captions.json")}
    taken = Inventory(dataset=dataset.name, annotations=hashes, files=files, rejects=[])
    write_json(world.workspace.footage_inventory, taken.model_dump(mode="json"))
    remember_listing(world.workspace, listing_hash(dataset, world.workspace))
    curate(dataset, scenarios, taken, world.workspace)


def seconds(action: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

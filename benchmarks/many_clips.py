"""Curation of a million clips with footage, and the start of a training over 1,000 of them:
`python benchmarks/many_clips.py [--clips N] [--few N]`.

The footage is only listed: an inventory says of each clip that its file is there, and what it is.
Captions have WebVid's form. One scenario has 1,000 clips whatever the number of all; a process that
reads what its training would learn from is timed against the same process where there are few
clips.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent))

from curation import WORDS, workspace
from measured import Measured, measured

SMALL = "beach"
"""The scenario with 1,000 clips."""
SCENARIOS = """\
schema_version: 1
scenarios:
  beach: {description: a beach, keywords: [beach], min_matching_captions: 1}
  mountain: {description: a mountain, keywords: [mountain], min_matching_captions: 1}
  river: {description: a river, keywords: [river], min_matching_captions: 1}
  soccer: {description: a soccer match, keywords: [soccer], min_matching_captions: 1}
  dog: {description: a dog, keywords: [dog], min_matching_captions: 1}
"""
CURATE = """
from slora_assets.config.data import read_dataset
from slora_assets.config.workspace import Workspace
from slora_assets.curation.stage import curate
from slora_assets.provenance.inventories import read_inventory
workspace = Workspace.from_environment()
curate(*read_dataset(workspace.dataset_file), read_inventory(workspace), workspace)
"""
MANIFEST = f"""
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
write_manifest(Workspace.from_environment(), "{SMALL}")
"""
START = f"""
from slora_assets.config.workspace import Workspace
from slora_assets.training.training_data import scenario_data
assert len(scenario_data(Workspace.from_environment(), "{SMALL}").clips) == 1000
"""
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        places = {count: Path(folder) / str(count) for count in (options.few, options.clips)}
        environments = {}
        for count, place in places.items():
            environments[count] = prepared(place, count)
            for name, code in (("curate", CURATE), ("write a manifest", MANIFEST)):
                print(f"{count:,} clips: {name}: {told(ran(code, place, environments[count]))}")
        starts: dict[int, list[Measured]] = {count: [] for count in places}
        for _ in range(ROUNDS):  # in turn, as the machine may be busy with something else
            for count, place in places.items():
                starts[count].append(ran(START, place, environments[count]))
        best = {count: min(found, key=lambda one: one.cpu_s) for count, found in starts.items()}
        for count, one in best.items():
            print(f"{count:,} clips: start over {SMALL}: {told(one)}")
        ratio = best[options.clips].cpu_s / best[options.few].cpu_s
        print(f"ratio of processor time {ratio:.2f}")


def prepared(place: Path, clips: int) -> dict[str, str]:
    """A workspace with annotations of so many clips and the inventory of their files."""
    (place / "footage").mkdir(parents=True)
    rows = place / "rows.csv"
    generate(rows, clips)
    environment = workspace(place, "webvid", annotations=rows, footage=place / "footage")
    scenarios = place / "scenarios.yaml"
    scenarios.write_text(SCENARIOS)
    settings = place / "dataset.yaml"
    text = settings.read_text().splitlines()
    lines = [line for line in text if not line.startswith("scenarios:")]
    settings.write_text("\n".join([*lines, f"scenarios: {scenarios}", ""]))
    os.environ.update({k: v for k, v in environment.items() if k.startswith("SLORA_")})
    inventory(clips)
    return environment


def generate(path: Path, clips: int) -> None:
    """Rows with WebVid's columns and captions of some 14 words, each with a keyword."""
    rng = random.Random(0)
    words, others = WORDS.split(), ["mountain", "river", "soccer", "dog"]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["videoid", "contentUrl", "duration", "page_dir", "name"])
        for row in range(clips):
            keyword = SMALL if row % (clips // 1000) == 0 else rng.choice(others)
            text = f"{' '.join(rng.choices(words, k=12))} near a {keyword}"
            url = f"https://videos.example.com/v{row:08d}/preview.mp4"
            writer.writerow([f"v{row:08d}", url, "PT00H00M10S", "a", text])


def inventory(clips: int) -> None:
    """As if so many files had been examined."""
    from slora_assets.config.data import read_dataset
    from slora_assets.config.workspace import Workspace
    from slora_assets.documents import Inventory
    from slora_assets.footage.inventory import annotation_hashes
    from slora_assets.provenance import sha256_bytes
    from slora_assets.provenance.inventories import FootageTable, footage_schema, write_inventory

    at = Workspace.from_environment()
    dataset, _ = read_dataset(at.dataset_file)
    facts = {"bytes_": 10, "width": 96, "height": 64, "fps": 8.0, "duration_s": 10.0}
    ids = [f"v{row:08d}" for row in range(clips)]
    columns = {
        "id": ids,
        "path": [f"footage/{name}.mp4" for name in ids],
        "sha256": [sha256_bytes(b"%d" % row) for row in range(clips)],
        "codec": "h264",
        **facts,
    }
    nothing = dict.fromkeys(footage_schema())
    files = FootageTable(pl.DataFrame(nothing | columns, footage_schema()))
    hashes = annotation_hashes(dataset, at)
    listed = Inventory(dataset=dataset.name, annotations=hashes, files={}, rejects=[])
    listed = listed.model_copy(update={"files": files})
    write_inventory(at, listed, dataset.clips_in_document)


def ran(code: str, place: Path, environment: dict[str, str]) -> Measured:
    command = [sys.executable, "-c", code]
    return measured(command, place / "log.txt", place, environment)


def told(one: Measured) -> str:
    memory = one.largest_bytes / 1e6
    return f"{one.seconds:.1f} s, {one.cpu_s:.2f} s of processor time, {memory:,.0f} MB"


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s in all")

"""What runs leave behind under the UI: `python benchmarks/graph_leaks.py --runs 50`.

Starts what `make ui` starts on a small workspace of its own and has it do `--runs` runs as people
do: jobs and backfills launched through GraphQL, and refreshes that the sensor asks for when a file
goes. The first ones render, decode, cache, train and judge; later ones mostly find everything done,
but for what the sensor refreshes, which decodes and trains. After each round it prints what is left
of the runs and the memory and open files of what stands; then it presses Ctrl-C and prints what is
left of everything. Targets: nothing left, and the code server's memory flat within 50 MB.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from slora_assets.curation.manifest import read_manifest  # noqa: E402
from slora_assets_tests.defs.process_roles import STANDING  # noqa: E402  # not installed
from slora_assets_tests.defs.user_interface import (  # noqa: E402
    ENDED,
    UserInterface,
    opened,
)
from slora_assets_tests.small_graph import prepare  # noqa: E402

SCENARIOS = ("market_floor", "stage")
CACHES = ("scenario_manifest", "first_frames", "prompt_embeddings", "latents")
MB = 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave nothing then either
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        with opened(environment(root), root / "dev.log") as ui:
            return measure(ui, root, options.runs)


def environment(root: Path) -> dict[str, str]:
    """What selects the workspace, whose home it makes."""
    home = root / ".dagster"
    home.mkdir()
    (home / "dagster.yaml").symlink_to(PROJECT / "dagster.yaml")
    return prepare(root) | {"DAGSTER_HOME": str(home)}


def measure(ui: UserInterface, root: Path, runs: int) -> int:
    show(ui, "before any run")
    for job in ("data", "preprocess", "train_scenarios", "validate"):
        jobs(ui, job, *(SCENARIOS if job != "data" else (None,)))
    memory = [show(ui, "after the first, which made everything")]
    render_no_more(root)
    ui.switch_on("new_footage")
    clips = removable(root)
    while len(ui.statuses()) < runs:
        jobs(ui, "data", None)
        jobs(ui, "preprocess", *SCENARIOS)
        jobs(ui, "validate", *SCENARIOS)
        jobs(ui, "summary", None)
        assert ui.backfill_ended(ui.backfill(CACHES, SCENARIOS)) == "COMPLETED_SUCCESS"
        refreshed(ui, clips.pop())
        memory.append(show(ui, "round"))
    ended = list(ui.statuses().values())
    print(f"{len(ended)} runs: " + ", ".join(f"{ended.count(s)} {s}" for s in sorted(set(ended))))
    left = ui.of_runs()
    ui.interrupt()
    began = time.monotonic()
    while ui.processes() and time.monotonic() < began + 60:
        time.sleep(0.2)
    survived = sum(len(them) for them in ui.processes().values())
    files = ui.left_behind()
    print(
        f"left of the runs: {len(left)} processes; {time.monotonic() - began:.1f} s after Ctrl-C:"
        f" {survived} processes, {len(files)} temporary files {files}"
    )
    grown = (memory[-1] - memory[0]) / MB
    spread = (max(memory) - min(memory)) / MB
    print(f"the code server's memory: grown by {grown:.0f} MB, within {spread:.0f} MB throughout")
    return 1 if left or survived or files or spread > 50 else 0


def render_no_more(root: Path) -> None:
    """A rendered file that is taken away would be rendered again: nothing would have changed."""
    file = root / "configs" / "data" / "small.yaml"
    dataset = yaml.safe_load(file.read_text("utf-8"))
    del dataset["obtain"]
    file.write_text(yaml.safe_dump(dataset), "utf-8")


def removable(root: Path) -> list[Path]:
    """Files of training clips, of one scenario and the other in turn."""
    found = []
    for scenario in SCENARIOS:
        manifest = read_manifest(root / f"data/metadata/manifests/{scenario}.json")
        found.append([root / clip.path for clip in manifest.usable() if clip.split == "train"])
    return [file for pair in zip(*found, strict=False) for file in pair]


def jobs(ui: UserInterface, job: str, *partitions: str | None) -> None:
    for run in [ui.launch(job, partition) for partition in partitions]:
        status = ui.ended(run)
        if status != "SUCCESS":
            print(f"{job} {partitions}: {status}", flush=True)


def refreshed(ui: UserInterface, clip: Path) -> None:
    """Take a clip away and wait for what the sensor asks for: the footage, then its scenario."""
    before = len(ui.statuses())
    clip.unlink()
    ui.wait_for(lambda: len(ui.statuses()) >= before + 2, "the sensor's runs")
    ui.wait_for(lambda: set(ui.statuses().values()) <= ENDED, "the refresh's end")


def show(ui: UserInterface, what: str) -> int:
    """Print what is there ten seconds after the last run; returns the code server's memory."""
    deadline = time.monotonic() + 10
    while ui.of_runs() and time.monotonic() < deadline:
        time.sleep(0.2)
    found = ui.processes()
    standing = ", ".join(
        f"{role} {resident(them) / MB:.0f} MB {sum(one.num_fds() for one in them)} files"
        for role, them in sorted(found.items())
        if role in STANDING
    )
    left = {role: len(them) for role, them in found.items() if role not in STANDING}
    print(f"{len(ui.statuses())} runs, {what}: left {left or 'nothing'}; {standing}", flush=True)
    return resident(found["code server"])


def resident(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes)


if __name__ == "__main__":
    sys.exit(main())

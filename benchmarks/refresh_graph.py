"""A refresh of 10,000 clips through Dagster: `python benchmarks/refresh_graph.py`.

Runs the verbs `data preprocess` on a workspace where everything is done, then on the same with one
new clip, and prints wall times, the time of each step and the files written.

Set-up, not measured: one small rendered file under 10,000 names, each made unique by a box of its
own at its end; every clip has a caption of its own. Their inventory is taken in earnest. Encoding
10,000 equal pictures would take an hour and show nothing, so one first frame, one clip's moments
and one embedding are computed and written under every clip's own valid key; a run of the same
command then finds all of them standing. The new clip is other footage, and nothing of it is
prepared.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest.mock
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from first_frames import seconds

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.first_frames import HEIGHT, WIDTH, frame_key
from slora_assets.caches.validity import latent_key, text_file, text_key, write_array
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.documents import Clip
from slora_assets.footage.decode import decode_clip, first_frame
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import sha256_file, write_json
from slora_assets.provenance.curated import read_metadata

PROJECT = Path(__file__).resolve().parents[1]
DATASET = """\
name: many
format: msrvtt
annotations: [annotations.json]
footage: videos
scenarios: scenarios.yaml
licence: Apache-2.0
use: benchmark
"""
PLACES = ("at the market", "in the kitchen", "on the street", "on the soccer field", "on the stage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="runs with nothing changed")
    parser.add_argument("--keep", type=Path, help="make the workspace here, or use it as it stands")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = (options.keep or Path(folder)).absolute()
        os.environ.update(environment(root))
        if not (root / "annotations.json").exists():
            print(f"set up in {seconds(lambda: set_up(root, options.clips)):.0f} s", flush=True)
        for _ in range(options.rounds):
            measure(root, "nothing changed")
        count = len(list((root / "videos").iterdir()))
        add(root, count)
        measure(root, f"one new clip among {count}")


def environment(root: Path) -> dict[str, str]:
    """What selects the workspace."""
    return {
        "SLORA_WORKSPACE": str(root),
        "SLORA_CONFIGS": str(root / "configs"),
        "SLORA_DATASET": str(root / "configs" / "data" / "many.yaml"),
        "DAGSTER_HOME": str(root / "dagster"),
        "PYTHONPATH": str(PROJECT),
    }


def set_up(root: Path, count: int) -> None:
    shutil.copytree(PROJECT / "configs", root / "configs")
    (root / "configs" / "data" / "many.yaml").write_text(DATASET)
    (root / "dagster").mkdir()
    shutil.copy(PROJECT / "dagster.yaml", root / "dagster")
    (root / "videos").mkdir()
    write_mp4(root / "one.mp4", moving(0), 8)
    one = (root / "one.mp4").read_bytes()
    for number in range(count):
        (root / "videos" / f"clip{number}.mp4").write_bytes(one + box(number))
    annotate(root, count)
    launch("data")
    prepare(Workspace.from_environment(), root / "one.mp4")
    launch("preprocess")
    launch("data", "preprocess")


def moving(seed: int) -> np.ndarray:
    """[16, 64, 96, 3]: noise that wanders."""
    picture = np.random.default_rng(seed).integers(0, 255, (64, 96, 3), np.uint8)
    return np.stack([np.roll(picture, at, axis=1) for at in range(16)])


def box(number: int) -> bytes:
    """An MP4 box that every reader skips (ISO/IEC 14496-12, 8.1.2)."""
    return (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")


def annotate(root: Path, count: int) -> None:
    ids = [f"clip{number}" for number in range(count)]
    captions = [f"visitor {at} walks {PLACES[at % len(PLACES)]}" for at in range(count)]
    videos = [{"video_id": identity, "url": f"https://example.org/{identity}"} for identity in ids]
    sentences = [
        {"video_id": identity, "caption": caption}
        for identity, caption in zip(ids, captions, strict=True)
    ]
    (root / "annotations.json").write_text(json.dumps({"videos": videos, "sentences": sentences}))


def prepare(workspace: Workspace, footage: Path) -> None:
    """Caches as if every clip had been prepared: computed once, written under each one's key."""
    base = open_base(
        read_settings(workspace.training_config, TrainingSettings).base_model, workspace.models
    )
    identity, geometry = base.identity(), base.geometry
    frames = decode_clip(footage, **geometry.model_dump())
    moments = base.encode_video(base.load_vae("cpu"), frames)
    embedding = base.encode_text(base.load_text_encoder("cpu"), ["a visitor"])[0]
    picture = workspace.root / "one.png"
    first_frame(footage, WIDTH, HEIGHT).save(picture, compress_level=1)
    clips = read_metadata(workspace.scenario_metadata).clips

    def write(clip: Clip) -> None:
        key = latent_key(clip, identity, geometry)
        write_array(workspace.root / clip.latent, "moments", moments, key)
        for prompt in clip.prompts:
            file = text_file(workspace.text_embeddings, prompt, identity)
            write_array(file, "embedding", embedding, text_key(prompt, identity))
        target = workspace.root / clip.first_frame
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, target)

    # Files that are thrown away need not survive a power cut.
    with unittest.mock.patch("os.fsync"), ThreadPoolExecutor(8) as pool:
        list(pool.map(write, clips))
    digest = sha256_file(picture)
    for scenario in {clip.scenario for clip in clips}:
        made = {
            c.id: {"key": frame_key(c), "sha256": digest} for c in clips if c.scenario == scenario
        }
        index = workspace.metadata / "first_frames" / f"{scenario}.json"
        write_json(index, {"schema_version": 1, "frames": made})


def add(root: Path, count: int) -> None:
    write_mp4(root / "videos" / f"clip{count}.mp4", moving(count), 8)
    annotate(root, count + 1)


def launch(*verbs: str) -> str:
    command = [sys.executable, "-m", "slora_assets.defs.launch", *verbs]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stdout}\n{done.stderr}")
    return done.stdout


def measure(root: Path, title: str) -> None:
    before, load = stamps(root), os.getloadavg()[0]
    output: list[str] = []
    used = cpu_s()
    took = seconds(lambda: output.append(launch("data", "preprocess")))
    written = [path for path, *_ in stamps(root) - before]
    print(
        f"{title}: {took:.1f} s ({cpu_s() - used:.1f} s of CPU, load {load:.1f}),"
        f" {len(written)} files written",
        flush=True,
    )
    for path in sorted(written)[:60]:
        print(f"    {path}")
    if len(written) > 60:
        print(f"    and {len(written) - 60} more")
    print("  " + ", ".join(f"{name} {spent:.1f} s" for name, spent in steps(took).items()))
    made = [line.strip() for line in output[0].splitlines() if " made, " in line]
    print("  " + "; ".join(line for line in made if " 0 made" not in line or len(made) < 3))


def cpu_s() -> float:
    """CPU that ended children used, theirs included: what a busy machine does not change much."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def steps(took: float) -> dict[str, float]:
    """Seconds per step in the last two jobs' runs, partitions together; the rest is Dagster's."""
    import dagster as dg

    spent: Counter[str] = Counter()
    with dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(limit=1 + len(PLACES)):
            for step in instance.get_run_step_stats(run.run_id):
                if step.start_time and step.end_time:
                    spent[step.step_key] += step.end_time - step.start_time
    return dict(spent.most_common()) | {"Dagster and start-up": took - sum(spent.values())}


def stamps(root: Path) -> set[tuple[str, int, int]]:
    files = (path for path in (root / "data").rglob("*") if path.is_file())
    return {
        (str(path.relative_to(root)), stat.st_mtime_ns, stat.st_ino)
        for path in files
        for stat in [path.stat()]
    }


if __name__ == "__main__":
    main()

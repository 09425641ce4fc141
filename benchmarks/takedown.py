"""Takedowns in copies of a project: `python benchmarks/takedown.py --clips 20 --retrain`.

Random clips, each in its own copy of a project with five scenarios that has first frames, latents
and embeddings, a promoted adapter per scenario, and a unified run. What the takedown erased is
compared with what a search through the contents of all files finds, and the adapters that it
taints with the runs whose records hold the clip's hash. The service is asked before and after in
one process. With `--retrain` the clip's scenario and the unified run are trained with a tiny recipe
after the takedown and in a project that never held the clip, and the adapters are compared byte for
byte.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import with_tests  # noqa: F401
import yaml
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.caches.first_frames import HEIGHT, WIDTH, cache_first_frames
from slora_assets.caches.scenario import ScenarioCache
from slora_assets.config.data import read_dataset
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.curation.stage import curate
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.deployment.promotion import promote
from slora_assets.deployment.taint import taint_of
from slora_assets.documents import RUN_RECORD, Clip
from slora_assets.footage.decode import first_frame
from slora_assets.footage.inventory import take_inventory
from slora_assets.governance.takedown.stage import take_down
from slora_assets.miniature.scenes.sample_footage import ANNOTATIONS, render_sample_footage
from slora_assets.provenance import sha256_bytes, sha256_file, write_bytes, write_json
from slora_assets.provenance.curated import read_metadata
from slora_assets_tests.earned import earn
from slora_assets_tests.made_runs import adapter_file, run_record, write_records
from slora_assets_tests.on_record import put_run_on_record

PROJECT = Path(__file__).resolve().parents[1]
RECIPE = """\
schema_version: 1
epochs: 1
repeats: 1
keep_top_k_adapters: 1
validation: {prompts: 1, steps: 1, max_clips: 1}
"""
DATASET = """\
name: msr-vtt
format: msrvtt
annotations: [data/raw/msr-vtt/videodatainfo.json]
footage: data/raw/msr-vtt/videos
scenarios: scenarios.yaml
licence: Apache-2.0
use: benchmark
"""
_REFUSED = 409


@dataclass(frozen=True)
class Outcome:
    """One clip's takedown."""

    clip: str
    exact: bool
    refused_after_s: float | None
    equal: bool | None

    @property
    def good(self) -> bool:
        in_time = self.refused_after_s is not None and self.refused_after_s <= 1
        return self.exact and in_time and self.equal is not False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-scenario", type=int, default=12, help="clips that are rendered")
    parser.add_argument("--retrain", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = select(Path(folder) / "project")
        begun = time.monotonic()
        prepare(made, options.per_scenario)
        print(f"prepared in {time.monotonic() - begun:.0f} s", flush=True)
        clips = [c for c in read_metadata(made.scenario_metadata).clips if c.split == "train"]
        chosen = random.Random(options.seed).sample(clips, options.clips)
        outcomes = [try_one(made, clip, options.retrain) for clip in chosen]
    good = sum(one.good for one in outcomes)
    slowest = max((one.refused_after_s or 0.0) for one in outcomes)
    print(f"{good} of {len(outcomes)} as they should be; refused after {slowest:.3f} s at most")
    return 0 if good == len(outcomes) else 1


def select(root: Path) -> Workspace:
    """Have this process work there."""
    dataset = root / "configs" / "data" / "bench.yaml"
    if not dataset.exists():
        shutil.copytree(PROJECT / "configs", root / "configs")
        dataset.write_text(DATASET)
        file = root / "configs" / "data" / "scenarios.yaml"
        settings = yaml.safe_load(file.read_text())
        for one in settings["scenarios"].values():
            one |= {"min_train_clips": 1, "min_validation_clips": 1}
        file.write_text(yaml.safe_dump(settings))
        (root / "configs" / "training" / "lora_default.yaml").write_text(RECIPE)
    os.environ.update(
        SLORA_WORKSPACE=str(root),
        SLORA_CONFIGS=str(root / "configs"),
        SLORA_DATASET=str(dataset),
    )
    return Workspace.from_environment()


def prepare(workspace: Workspace, clips_per_scenario: int) -> None:
    """Footage, caches, and a promoted adapter per scenario."""
    render_sample_footage(workspace.raw("msr-vtt"), 0, clips_per_scenario, 2)
    scenarios = make_caches(workspace)
    for name in scenarios:
        write_bytes(adapter_file(workspace, name), f"weights of {name}".encode())
        write_records(workspace, name, "inconclusive", trusted=False)
        _saw(workspace.scenario_run(name), read_of(workspace, name))
        put_run_on_record(workspace, name)
        earn(workspace, name, "inconclusive")
        promote(workspace, name, "the benchmark", "to see it refused", override_inconclusive=True)
    unified = run_record("lora_unified", sha256_bytes(b"unified")) | {"scenarios": scenarios}
    write_json(workspace.unified_run / RUN_RECORD, unified)
    _saw(workspace.unified_run, read_metadata(workspace.scenario_metadata).clips)


def make_caches(workspace: Workspace) -> list[str]:
    """Curation, first frames, latents and embeddings, as the graph makes them."""
    dataset, settings = read_dataset(workspace.dataset_file)
    curate(dataset, settings, take_inventory(dataset, workspace), workspace)
    for name in settings.scenarios:
        clips = write_manifest(workspace, name).clips
        index = workspace.first_frame_index(name)
        cache_first_frames(clips, workspace.root, index, workspace.quarantine)
        ScenarioCache("latents", workspace, name).make("cpu")
        ScenarioCache("embeddings", workspace, name).make("cpu")
    return list(settings.scenarios)


def read_of(workspace: Workspace, scenario: str) -> list[Clip]:
    return read_metadata(workspace.scenario_metadata).of_scenario(scenario)


def _saw(run: Path, clips: list[Clip]) -> None:
    record = json.loads((run / RUN_RECORD).read_text())
    seen = [c.model_dump(include={"id", "sha256", "scenario", "split"}) for c in clips]
    write_json(run / RUN_RECORD, record | {"clips": seen, "dataset": "msr-vtt"})


def try_one(made: Workspace, clip: Clip, retrain: bool) -> Outcome:
    """Take the clip down in a copy of the project, and look."""
    root = made.root.with_name(clip.id)
    shutil.copytree(made.root, root)
    workspace = select(root)
    before = set(files_of(root))
    never = without(made, clip)
    workspace = select(root)
    expected = touched(workspace, clip, prompts_of_project(never))
    client = TestClient(
        create_app(ApiSettings(workspace, device="cpu")), base_url="http://127.0.0.1"
    )
    form = {"prompt": "a clip", "scenario": clip.scenario}
    with client:
        ready = {one["name"]: one["status"] for one in client.get("/scenarios").json()}
        assert set(ready.values()) == {"promoted"}, ready
        take_down(workspace, clip.id, "the benchmark", "its owner asks")
        at = time.monotonic()
        status = client.post("/generate", data=form).status_code
        refused = time.monotonic() - at if status == _REFUSED else None
        now = {one["name"]: one["status"] for one in client.get("/scenarios").json()}
    erased = before - set(files_of(root))
    tainted = {
        name for name in ready if taint_of(workspace, sha256_file(adapter_file(workspace, name)))
    }
    exact = erased == expected and tainted == {clip.scenario}
    exact &= {name for name, one in now.items() if one != "promoted"} == {clip.scenario}
    equal = None
    if retrain:
        make_caches(workspace)
        mine = train(workspace, clip.scenario)
        other = select(never.root)
        make_caches(other)
        equal = mine == train(other, clip.scenario)
    outcome = Outcome(clip.id, exact, refused, equal)
    print(outcome, flush=True)
    if erased != expected:
        print("  too much:", sorted(erased - expected), "too little:", sorted(expected - erased))
    for folder in (root, never.root):
        shutil.rmtree(folder)
    return outcome


def without(made: Workspace, clip: Clip) -> Workspace:
    """A project that never held the clip: footage and annotations alone."""
    root = made.root.with_name(f"{clip.id}_never")
    workspace = select(root)
    raw = workspace.raw("msr-vtt")
    shutil.copytree(made.raw("msr-vtt") / "videos", raw / "videos")
    (raw / "videos" / Path(clip.path).name).unlink()
    said = json.loads((made.raw("msr-vtt") / ANNOTATIONS).read_text())
    said["videos"] = [one for one in said["videos"] if one["video_id"] != clip.id]
    said["sentences"] = [one for one in said["sentences"] if one["video_id"] != clip.id]
    write_json(raw / ANNOTATIONS, said)
    if made.models.is_dir():
        shutil.copytree(made.models, workspace.models)
    dataset, settings = read_dataset(workspace.dataset_file)
    curate(dataset, settings, take_inventory(dataset, workspace), workspace)
    return workspace


def prompts_of_project(workspace: Workspace) -> set[str]:
    """Every text that the project's clips and its file of prompts say."""
    metadata = read_metadata(workspace.scenario_metadata)
    texts = {prompt for clip in metadata.clips for prompt in clip.prompts}
    for name in metadata.scenarios:
        clips = metadata.of_scenario(name)
        asked = prompts_of(read_validation_prompts(workspace.validation_prompts), name, clips)
        texts |= {prompt.text for prompt in asked}
    return texts | {""}


def files_of(root: Path) -> Iterator[str]:
    """All files but those that remember what was looked at."""
    for path in root.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(root).as_posix()


def touched(workspace: Workspace, clip: Clip, kept: set[str]) -> set[str]:
    """Files that hold the clip, found by what is in them, whatever they are called."""
    frame = first_frame(workspace.root / clip.path, WIDTH, HEIGHT, clip.start_s)
    buffer = io.BytesIO()
    frame.save(buffer, format="PNG", compress_level=1)
    found = set()
    for name in files_of(workspace.root / "data"):
        path = workspace.root / "data" / name
        if path.suffix == ".png" and path.read_bytes() == buffer.getvalue():
            found.add(f"data/{name}")
        if path.suffix == ".npz" and "models" not in path.parts:
            with np.load(path) as archive:
                key = json.loads(str(archive["key"]))
            if clip.sha256 in json.dumps(key) or key.get("prompt", "") not in kept:
                found.add(f"data/{name}")
    return found


def train(workspace: Workspace, scenario: str) -> list[str]:
    """Hashes of the adapters of a training of the scenario, and of the unified one."""
    said = ["--metadata", str(workspace.scenario_metadata)]
    said += ["--config", str(workspace.training_config)]
    said += ["--prompts", str(workspace.validation_prompts)]
    own, unified = workspace.scenario_run(scenario), workspace.unified_run
    commands = {
        own: ["train_scenario_lora.py", "--scenario", scenario, "--output-root", str(own.parent)],
        unified: ["train_lora.py", "--output-dir", str(unified)],
    }
    hashes = []
    for run, (script, *places) in commands.items():
        shutil.rmtree(run, ignore_errors=True)
        command = [sys.executable, str(PROJECT / "src" / script), *said, *places]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        hashes += [sha256_file(path) for path in sorted(run.rglob("*.safetensors"))]
    return hashes


if __name__ == "__main__":
    sys.exit(main())

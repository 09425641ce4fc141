"""`slora verify` of an adapter with many parent clips: `python benchmarks/verify.py --clips 10000`.

The project is made up but for its form: so many small files as footage, an inventory, metadata and
a manifest that list them, and a run that saw them all, put on record as their stages would. Prints
the seconds of the first look, which reads every file, of a warm one, and of a warm one of the whole
workspace, each by the command line, beside the seconds of reading and hashing all bytes (the floor
of `--full`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML

from slora_assets.base_models.catalogue import open_base
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import dataset_hash, write_manifest
from slora_assets.documents import (
    ADAPTER_FILE,
    RUN_CONFIG,
    RUN_RECORD,
    Clip,
    DatasetEntry,
    ExportParity,
    FootageFile,
    Inventory,
    KeptAdapter,
    MatchingEvidence,
    RunRecord,
    ScenarioEntry,
    ScenarioMetadata,
    TrainedClip,
)
from slora_assets.provenance import object_hash, sha256_bytes, sha256_file, write_bytes, write_json
from slora_assets.provenance.ledger import put_on_record

SCENARIO = "street"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--kilobytes", type=int, default=100, help="of each file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SLORA_WORKSPACE"] = folder
        workspace = Workspace.from_environment()
        adapter = made(workspace, options.clips, options.kilobytes)
        print(f"first look: {timed(lambda: ask(adapter)):.1f} s")
        print(f"warm: {min(timed(lambda: ask(adapter)) for _ in range(3)):.1f} s")
        print(f"warm, whole workspace: {timed(lambda: ask(None)):.1f} s")
        print(f"--full: {timed(lambda: ask(adapter, '--full')):.1f} s")
        files = sorted((workspace.root / "videos").iterdir())
        print(f"reading and hashing alone: {timed(lambda: [*map(sha256_file, files)]):.1f} s")


def ask(path: Path | None, *more: str) -> None:
    command = [sys.executable, "-m", "slora_assets.cli", "verify", *more]
    done = subprocess.run(
        [*command, *([str(path)] if path else [])], capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\n{done.stderr}")


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def made(workspace: Workspace, count: int, kilobytes: int) -> Path:
    """The project; returns the adapter's file."""
    files = {}
    for number in range(count):
        content = number.to_bytes(8, "big") * (128 * kilobytes)
        file = workspace.root / "videos" / f"clip{number}.mp4"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        files[file.stem] = FootageFile(
            path=workspace.relative(file),
            sha256=sha256_bytes(content),
            bytes_=len(content),
            width=96,
            height=64,
            fps=8.0,
            duration_s=2.0,
            codec="h264",
        )
    clips = [clip_of(name, file) for name, file in files.items()]
    inventory = Inventory(dataset="many", annotations={}, files=files, rejects=[])
    write_json(workspace.footage_inventory, inventory.model_dump(mode="json"))
    put_on_record(workspace, "footage", workspace.footage_inventory)
    metadata = metadata_of(clips)
    write_json(workspace.scenario_metadata, metadata.model_dump(mode="json"))
    put_on_record(
        workspace, "metadata", workspace.scenario_metadata, parents=[workspace.footage_inventory]
    )
    write_manifest(workspace, SCENARIO)
    return trained(workspace, clips)


def clip_of(name: str, file: FootageFile) -> Clip:
    return Clip(
        id=name,
        source_group=f"https://example.org/{name}",
        path=file.path,
        sha256=file.sha256,
        source_start_s=None,
        source_end_s=None,
        official_split=None,
        split="train",
        scenario=SCENARIO,
        evidence=MatchingEvidence(matching_captions=["a car"], captions=1, also_matched=[]),
        captions=["a car"],
        prompts=[f"a car in the street, {name}"],
        first_frame=f"data/raw/many/frames/{name}.png",
        latent=f"data/prepared/latents/{SCENARIO}/{name}.npz",
    )


def metadata_of(clips: list[Clip]) -> ScenarioMetadata:
    entry = ScenarioEntry(
        description="a street",
        any_caption=len(clips),
        matched=len(clips),
        missing=0,
        unusable=0,
        train=len(clips),
        validation=0,
        test=0,
        min_train_clips=1,
        min_validation_clips=0,
        shortfall=None,
    )
    return ScenarioMetadata(
        dataset=DatasetEntry(name="many", licence="CC0", use="a benchmark", annotations={}),
        config_hash="",
        dataset_hash=dataset_hash(clips),
        scenarios={SCENARIO: entry},
        clips=clips,
        reject_counts={},
        rejects=[],
    )


def trained(workspace: Workspace, clips: list[Clip]) -> Path:
    """A run that saw all clips, and its adapter."""
    run, recipe = workspace.scenario_run(SCENARIO), TrainingSettings()
    adapter = run / "adapters" / "epoch_1" / ADAPTER_FILE
    write_bytes(adapter, b"weights")
    with (run / RUN_CONFIG).open("w") as stream:
        YAML(typ="safe").dump(recipe.resolved(), stream)
    kept = KeptAdapter(
        epoch=1, path="adapters/epoch_1", sha256=sha256_bytes(b"weights"), combined=1.0
    )
    told = {"id", "sha256", "scenario", "split", "start_s", "end_s", "prompts"}
    record = RunRecord(
        run=SCENARIO,
        scenarios=[SCENARIO],
        left_out={},
        run_hash="1" * 64,
        config_hash=object_hash(recipe.resolved()),
        config_difference={},
        dataset_hash=dataset_hash(clips),
        dataset="many",
        licence="CC0",
        clips=[
            TrainedClip(source=clip.source_group, **clip.model_dump(include=told)) for clip in clips
        ],
        dropped={},
        base=open_base(recipe.base_model, workspace.models).identity().model_dump(mode="json"),
        scorer={},
        scores_trusted=True,
        scores_note=None,
        epochs=1,
        steps=1,
        base_scores={},
        best=kept,
        kept=[kept],
        parity=ExportParity(max_difference=0.0, tolerance=1.0, effect=1.0),
        software={},
    )
    write_json(run / RUN_RECORD, record.model_dump(mode="json"))
    put_on_record(
        workspace,
        "run",
        run / RUN_RECORD,
        parents=[workspace.manifest(SCENARIO)],
        files=[run / RUN_CONFIG, adapter],
    )
    return adapter


if __name__ == "__main__":
    main()

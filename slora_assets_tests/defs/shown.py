"""A small graph, materialized by the demo's own command, and what it showed a person meanwhile."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import yaml
from PIL import Image

from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.footage.encode import write_mp4
from slora_assets_tests import small_graph

SCENARIO, WITHOUT_FOOTAGE = "market_floor", "lighthouse"
ADAPTERS = {"scenario_adapter": SCENARIO, "unified_adapter": UNIFIED}
VERDICTS = {"scenario_validation": SCENARIO, "unified_validation": UNIFIED}
SWEPT = [0.5, 1.0]
"""Strengths beside the preset's own."""
NEUTRAL = "a boat on the sea"
OTHERS = {"a blue dancer on the stage", NEUTRAL}
"""Prompts that a validation alone asks, and embeds: another scenario's first, and the neutral."""
TOO_SHORT, BROKEN = "video0", "broken"

EMBEDDED = re.compile(r"data:image/webp;base64,([^)]+)\)")


@dataclass(frozen=True)
class Shown:
    """What one pass over the graph reported, by asset and by check."""

    assets: dict[str, dict[str, dg.MetadataValue]]
    versions: dict[str, str]
    checks: dict[str, dg.AssetCheckEvaluation]
    bytes_: dict[str, int]
    """What each materialization takes in the event log."""

    def of(self, asset: str) -> dict[str, Any]:
        """An asset's metadata as plain values, a table as its rows."""
        return {
            name: [record.data for record in value.records]
            if isinstance(value, dg.TableMetadataValue)
            else value.value
            for name, value in self.assets[asset].items()
        }


@dataclass(frozen=True)
class Graph:
    """The graph, materialized twice: the second time after a person promoted the adapter."""

    workspace: Workspace
    environment: dict[str, str]
    """Names the workspace."""
    first: Shown
    second: Shown


def prepare(root: Path, prepared: Path) -> dict[str, str]:
    """One scenario's footage and one scenario without any; a file that is no video, and a clip
    that ends before the base's last frame."""
    environment = small_graph.prepare(root)
    configs = root / "configs"
    scenarios = yaml.safe_load(small_graph.SCENARIOS)
    del scenarios["scenarios"]["stage"]
    dataset = yaml.safe_load(small_graph.DATASET) | {"max_duration_difference_s": 5}
    del dataset["obtain"]
    prompts = yaml.safe_load(small_graph.PROMPTS)
    prompts["gate"]["min_effect"] = 0
    prompts["sweep"] = SWEPT
    prompts["neutral"] = [NEUTRAL]
    for name, settings in (
        ("data/scenarios.yaml", scenarios),
        ("data/small.yaml", dataset),
        ("training/validation_prompts.yaml", prompts),
    ):
        (configs / name).write_text(yaml.safe_dump(settings))
    raw = root / "data" / "raw" / "msr-vtt"
    (raw / "videos").mkdir(parents=True)
    shutil.copy(prepared / "data/raw/msr-vtt/videodatainfo.json", raw)
    for clip in read_manifest(prepared / f"data/metadata/manifests/{SCENARIO}.json").clips:
        shutil.copy(prepared / clip.path, raw / "videos")
    write_mp4(raw / "videos" / f"{TOO_SHORT}.mp4", np.zeros((4, 64, 96, 3), np.uint8), 8)
    (raw / "videos" / f"{BROKEN}.mp4").write_bytes(b"no video")
    return environment


def materialize(
    root: Path, environment: dict[str, str], seen: set[str]
) -> dict[str, list[dg.EventLogEntry]]:
    """Run all jobs as `make demo` and `make sweep` do; the events of the runs that weren't `seen`,
    by run."""
    done = subprocess.run(
        [sys.executable, "-m", "slora_assets.defs.launch", "demo", "sweep"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.findall(r"^FAILED (\w+) ?(\w*):", done.stderr, re.MULTILINE)
    assert {scenario for _, scenario in failed} == {WITHOUT_FOOTAGE}, done.stderr
    kinds = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    }
    with dg.DagsterInstance.from_config(str(root)) as instance:
        return {
            run.run_id: [
                record.event_log_entry
                for record in instance.get_records_for_run(run.run_id, of_type=kinds).records
            ]
            for run in instance.get_runs(ascending=True)
            if run.run_id not in seen
        }


def shown_by(runs: dict[str, list[dg.EventLogEntry]]) -> Shown:
    shown = Shown({}, {}, {}, {})
    for entry in (entry for entries in runs.values() for entry in entries):
        event = entry.get_dagster_event()
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            shown.checks[check.check_name] = check
        else:
            made = event.step_materialization_data.materialization
            asset = made.asset_key.to_user_string()
            shown.assets[asset] = dict(made.metadata)
            shown.versions[asset] = (made.tags or {})["dagster/data_version"]
            shown.bytes_[asset] = len(entry.to_json())
    return shown


def own_embeddings(workspace: Workspace) -> list[Path]:
    """The embeddings that the scenario's stage made."""

    def prompt(file: Path) -> str:
        with np.load(file) as archive:
            return str(json.loads(str(archive["key"]))["prompt"])

    files = workspace.text_embeddings.rglob("*.npz")
    return [file for file in sorted(files) if prompt(file) not in OTHERS]


def pictures(markdown: str) -> list[Image.Image]:
    """The pictures embedded in a text, opened."""
    found = EMBEDDED.findall(markdown)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def is_small_copy(picture: Image.Image, whole: Image.Image) -> bool:
    """Whether a picture shows what the whole one does, however much smaller it is."""
    shape = picture.width * whole.height / (picture.height * whole.width)
    seen, there = (
        np.asarray(one.convert("RGB").resize((96, 64)), np.int16) for one in (picture, whole)
    )
    return abs(shape - 1) < 0.02 and float(np.abs(seen - there).mean()) < 6

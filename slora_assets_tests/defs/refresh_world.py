"""A world for the sensor: real files, real curation, the real sensor and Dagster's own run storage;
only training is left out, of which a record and a verdict are all that the sensor sees.

Beside it stands a plain model: which bytes each scenario has now, and which its adapter saw.
"""

from __future__ import annotations

import json
import time
import unittest.mock
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import current_manifest, dataset_hash, write_manifest
from slora_assets.curation.stage import curate
from slora_assets.defs import refresh_look, sensors
from slora_assets.defs.project import ProjectResource
from slora_assets.documents import RUN_RECORD, VERDICT_FILE
from slora_assets.footage.inventory import take_inventory
from slora_assets.footage.quarantine import read_quarantine
from slora_assets.provenance import sha256_file, write_json
from slora_assets.provenance.inventories import read_inventory
from slora_assets.training.training_data import trainable
from slora_assets_tests.made_runs import run_record, verdict
from slora_assets_tests.on_record import put_run_on_record

_DATASET = """\
name: world
format: folder
annotations: [videos]
footage: videos
scenarios: scenarios.yaml
licence: CC0-1.0
use: any
"""
_ENDS = {
    "success": "PIPELINE_SUCCESS",
    "failure": "PIPELINE_FAILURE",
    "cancel": "PIPELINE_CANCELED",
}


@dataclass
class Running:
    """A requested run that has not ended."""

    run: dg.DagsterRun
    scenario: str | None
    """None for the run over the whole dataset."""


@dataclass
class World:
    """One workspace under a sensor that is switched on."""

    root: Path
    instance: dg.DagsterInstance
    video: bytes
    """Bytes of a clip that decodes."""
    cursor: str = ""
    offset_s: float = 0.0
    """How far this world's clock is ahead."""
    loaded: list[str] = field(default_factory=lambda: ["harbour", "meadow", "workshop"])
    configured: list[str] = field(default_factory=lambda: ["harbour", "meadow", "workshop"])
    clips: dict[str, str] = field(default_factory=dict)
    """The model: clip to scenario."""
    removed: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    saw: dict[str, dict[str, str]] = field(default_factory=dict)
    """The model: of each judged adapter the clips it saw, with the hashes of their files."""
    trained: dict[str, dict[str, str]] = field(default_factory=dict)
    """The same of adapters without regard to verdicts."""
    running: list[Running] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Job and scenario of everything that was ever requested."""
    keys: list[str] = field(default_factory=list)
    said: str = ""
    """What the last tick that requested nothing said."""
    touched: set[str] = field(default_factory=set)
    """The model: scenarios whose footage was other at any time."""
    made: int = 0

    def __post_init__(self) -> None:
        folder = self.root / "configs" / "data"
        folder.mkdir(parents=True)
        (folder / "world.yaml").write_text(_DATASET)
        (self.root / "videos").mkdir()
        self.configure()
        for scenario in self.configured:
            for split in ("train", "train", "validate"):
                self.add(scenario, split)

    @property
    def workspace(self) -> Workspace:
        """Where everything lies."""
        configs = self.root / "configs"
        return Workspace(self.root, configs, configs / "data" / "world.yaml")

    # what people do

    def configure(self) -> None:
        """Write the scenarios as they are configured."""
        scenarios = {
            name: {
                "description": f"the {name}",
                "keywords": [name],
                "min_matching_captions": 1,
                "min_train_clips": 1,
            }
            for name in self.configured
        }
        text = json.dumps({"schema_version": 1, "scenarios": scenarios})
        (self.root / "configs" / "data" / "scenarios.yaml").write_text(text)

    def add(self, scenario: str, split: str = "train") -> str:
        """A new clip, with bytes of its own."""
        self.made += 1
        name = f"clip{self.made:04d}"
        caption = {"caption": f"somebody at the {scenario}", "split": split}
        (self.root / "videos" / f"{name}.json").write_text(json.dumps(caption))
        self.clips[name] = scenario
        self.change(name)
        return name

    def change(self, clip: str) -> None:
        """Other footage under the same name."""
        self.touched.add(self.clips[clip])
        self.made += 1
        # A box that every reader skips (ISO/IEC 14496-12, 8.1.2).
        self._path(clip).write_bytes(self.video + _box(self.made))

    def remove(self, clip: str) -> None:
        """Take a clip's video away."""
        self.touched.add(self.clips[clip])
        path = self._path(clip)
        self.removed[clip] = (self.clips.pop(clip), path.read_bytes())
        path.unlink()

    def put_back(self, clip: str) -> None:
        """The same bytes again."""
        self.clips[clip], content = self.removed.pop(clip)
        self._path(clip).write_bytes(content)
        self.touched.add(self.clips[clip])

    def _path(self, clip: str) -> Path:
        return self.root / "videos" / f"{clip}.mp4"

    # what the machine does

    def restart(self) -> None:
        """Daemon and code server start again: what was kept in memory is gone, and the code
        location has the scenarios that are configured."""
        refresh_look._wanted.cache_clear()
        refresh_look._judged.cache_clear()
        self.loaded = list(self.configured)

    def tick(self) -> int:
        """One tick; its requests become runs. Returns how many there were."""
        before = _contents(self.root)
        partitions = dg.StaticPartitionsDefinition(self.loaded)
        with (
            unittest.mock.patch.object(sensors, "SCENARIOS", partitions),
            unittest.mock.patch.object(sensors.time, "time", self.now),
            unittest.mock.patch.object(ProjectResource, "workspace", lambda _: self.workspace),
            dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context,
        ):
            result = sensors.new_footage(context, project=ProjectResource())
        assert isinstance(result, dg.SensorResult)
        assert _contents(self.root) == before, "a tick writes nothing"
        self.cursor = result.cursor or ""
        for request in result.run_requests or []:
            self._begin(request)
        if result.skip_reason is not None:
            self.said = result.skip_reason.skip_message or ""
        return len(result.run_requests or [])

    def now(self) -> float:
        """This world's clock."""
        return _REAL_TIME() + self.offset_s

    def end(self, running: Running, how: str, after: int) -> None:
        """End a run: `success`, or `failure` and `cancel` after so many of its three parts."""
        parts = self._parts(running)
        try:
            for part in parts if how == "success" else parts[:after]:
                part()
        except CurationError:
            how = "failure"
        event = dg.DagsterEvent(_ENDS[how], running.run.job_name, message="")
        self.instance.report_dagster_event(event, running.run.run_id, timestamp=self.now())
        self.running.remove(running)

    def truth(self, scenario: str) -> dict[str, str]:
        """The model: the bytes that a scenario's adapter should have seen."""
        here = [clip for clip, owner in self.clips.items() if owner == scenario]
        return {clip: sha256_file(self._path(clip)) for clip in here}

    def _begin(self, request: dg.RunRequest) -> None:
        assert request.job_name is not None and request.run_key is not None
        self.keys.append(request.run_key)
        assert len(set(self.keys)) == len(self.keys), "Dagster would skip a key it has seen"
        partition = {"dagster/partition": request.partition_key} if request.partition_key else {}
        run = dg.DagsterRun(
            job_name=request.job_name,
            run_id=str(uuid.uuid4()),
            status=dg.DagsterRunStatus.STARTED,
            tags={**request.tags, **partition},
            asset_selection=frozenset(request.asset_selection or ()) or None,
        )
        self.instance.add_run(run)
        self.requests.append((request.job_name, request.partition_key))
        self.running.append(Running(run, request.partition_key))

    def _parts(self, running: Running) -> list[Callable[[], None]]:
        scenario = running.scenario
        if scenario is None:
            return [self._take_inventory, self._curate, lambda: None]
        return [
            lambda: self._write_manifest(scenario),
            lambda: self._train(scenario),
            lambda: self._judge(scenario),
        ]

    def _take_inventory(self) -> None:
        take_inventory(read_dataset(self.workspace.dataset_file)[0], self.workspace)

    def _curate(self) -> None:
        dataset, scenarios = read_dataset(self.workspace.dataset_file)
        curate(dataset, scenarios, read_inventory(self.workspace), self.workspace)

    def _write_manifest(self, scenario: str) -> None:
        write_manifest(self.workspace, scenario)

    def _train(self, scenario: str) -> None:
        manifest = current_manifest(self.workspace, scenario)
        clips = trainable(manifest.clips, read_quarantine(self.workspace.quarantine))
        digest = dataset_hash(clips)
        record = run_record(scenario, adapter=digest, dataset_hash=digest)
        write_json(self.workspace.scenario_run(scenario) / RUN_RECORD, record)
        put_run_on_record(self.workspace, scenario)
        self.trained[scenario] = {clip.id: clip.sha256 for clip in clips}
        self.saw.pop(scenario, None)

    def _judge(self, scenario: str) -> None:
        record = json.loads((self.workspace.scenario_run(scenario) / RUN_RECORD).read_text())
        document = verdict(scenario, record["best"]["sha256"])
        write_json(self.workspace.validation(scenario) / VERDICT_FILE, document)
        put_run_on_record(self.workspace, scenario)
        self.saw[scenario] = self.trained[scenario]


_REAL_TIME = time.time


def _box(number: int) -> bytes:
    return (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")


def _contents(root: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

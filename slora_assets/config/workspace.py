"""Where things lie: one object that knows every path of the file contracts, and nothing else.

A workspace holds what runs make (`data/`, `checkpoints/`, `outputs/`); the configuration folder is
the project's own unless another is named.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from slora_assets.config.errors import MissingInputError
from slora_assets.config.places import (
    folder_named,
    has_configs,
    root_from_environment,
    shipped_files,
)

UNIFIED: Final = "lora_unified"
"""Name of the run that trains one adapter on all scenarios."""


@lru_cache(maxsize=2**16)
def path_below(root: Path, recorded: str) -> Path:
    """`root / recorded`, put together once: stages and checks ask for each clip's files over and
    over, and pathlib takes longer for the name than the system for the file."""
    return root / recorded


@dataclass(frozen=True)
class Workspace:
    """Paths of one workspace; `dataset_file` chooses the dataset, and with it the scenarios."""

    root: Path
    configs: Path
    dataset_file: Path

    @classmethod
    def from_environment(cls) -> Workspace:
        """The workspace that the environment names, the project's own folder by default.

        SLORA_WORKSPACE: where runs write (default: the working directory if it holds `configs/`,
        else the project's folder; the working directory where slora is installed as a copy).
        SLORA_CONFIGS: the configuration folder (default: `configs/` of the working directory, else
        those that slora comes with). SLORA_DATASET: a dataset's name, or its file (default:
        `sample`).
        """
        root, here = root_from_environment(), Path.cwd()
        own = (here if has_configs(here) else shipped_files()) / "configs"
        configs = folder_named("SLORA_CONFIGS", own)
        name = os.environ.get("SLORA_DATASET") or "sample"
        file = Path(name) if name.endswith(".yaml") else configs / "data" / f"{name}.yaml"
        if not file.is_file():
            known = sorted(path.stem for path in (configs / "data").glob("*.yaml"))
            raise MissingInputError(
                "SLORA_DATASET names no dataset file",
                file=file,
                found=name,
                expected=f"one of {known} or a path",
                remedy="set SLORA_DATASET to a dataset's name",
            )
        return cls(root, configs, file.absolute())

    def relative(self, path: Path) -> str:
        """`path` as records name it: relative to the workspace where it lies inside."""
        inside, text = f"{self.root}{os.sep}", str(path)
        if text.startswith(inside):  # many times faster than pathlib's way, which is asked of clips
            return text[len(inside) :].replace(os.sep, "/")
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return str(path)

    def absolute(self, recorded: str) -> Path:
        """The path that a record names."""
        return path_below(self.root, recorded)

    # configuration

    @property
    def training_config(self) -> Path:
        """The recipe of the two training commands (SLORA_TRAINING names another)."""
        name = os.environ.get("SLORA_TRAINING") or "lora_default"
        return Path(name) if name.endswith(".yaml") else self.configs / "training" / f"{name}.yaml"

    @property
    def validation_prompts(self) -> Path:
        """Fixed prompts and seeds, and the gate's settings."""
        return self.configs / "training" / "validation_prompts.yaml"

    @property
    def presets(self) -> Path:
        """Promoted adapters and serving limits."""
        return self.configs / "model" / "optimized_inference.yaml"

    @property
    def notices(self) -> Path:
        """Where failures are posted."""
        return self.configs / "notices.yaml"

    # footage and metadata

    def raw(self, dataset: str) -> Path:
        """Folder of a dataset: annotations and videos that the project fetched, and frames."""
        return self.root / "data" / "raw" / dataset

    def frames(self, dataset: str) -> Path:
        """First frames, `<clip id>.png`."""
        return self.raw(dataset) / "frames"

    @property
    def metadata(self) -> Path:
        """Folder of the curation's documents."""
        return self.root / "data" / "metadata"

    @property
    def scenario_metadata(self) -> Path:
        """The document that says which clip belongs to which scenario and split, and why."""
        return self.metadata / "scenario_metadata.json"

    @property
    def footage_inventory(self) -> Path:
        """Which video files there are, and which of them can't be used."""
        return self.metadata / "footage.json"

    @property
    def curation_report(self) -> Path:
        """The curation as a person reads it, in Markdown."""
        return self.metadata / "curation_report.md"

    @property
    def manifests(self) -> Path:
        """`<scenario>.json`: each scenario's part of the metadata."""
        return self.metadata / "manifests"

    def manifest(self, scenario: str) -> Path:
        """What the stages of a scenario read."""
        return self.manifests / f"{scenario}.json"

    def first_frame_index(self, scenario: str) -> Path:
        """What a scenario's first frames were made from."""
        return self.metadata / "first_frames" / f"{scenario}.json"

    def cache_index(self, cache: str, scenario: str) -> Path:
        """The files of a scenario's latents or prompt embeddings, with their hashes."""
        return self.metadata / cache / f"{scenario}.json"

    @property
    def quarantine(self) -> Path:
        """Clips that can't be used, with reason codes."""
        return self.metadata / "quarantine.json"

    # caches

    @property
    def latents(self) -> Path:
        """`<scenario>/<clip id>.npz`."""
        return self.root / "data" / "prepared" / "latents"

    @property
    def measured_clips(self) -> Path:
        """Clips that many verdicts need (footage through the VAE, the base's samples), with what
        was measured on them, by the hash of all that they depend on."""
        return self.root / "data" / "prepared" / "measured_clips"

    @property
    def text_embeddings(self) -> Path:
        """`<text encoder>/<caption hash>.npz`."""
        return self.root / "data" / "prepared" / "text"

    @property
    def models(self) -> Path:
        """Bases and scorers that are built locally, and snapshots."""
        return self.root / "data" / "models"

    # runs and what is made of them

    @property
    def unified_run(self) -> Path:
        """The run that trains one adapter on all scenarios."""
        return self.root / "checkpoints" / UNIFIED

    def scenario_run(self, scenario: str) -> Path:
        """The run that trains a scenario's adapter."""
        return self.root / "checkpoints" / "scenario_loras" / scenario

    def run_of(self, scenario: str | None) -> Path:
        """A scenario's run, or for None the unified one."""
        return self.unified_run if scenario is None else self.scenario_run(scenario)

    @property
    def registry(self) -> Path:
        """Promoted adapters, `<sha256>/`: serving loads from nowhere else."""
        return self.root / "checkpoints" / "registry"

    def validation(self, run: str) -> Path:
        """Verdict, report and paired samples of a run (`lora_unified` or a scenario's name)."""
        return self.root / "outputs" / "validation" / run

    def judged_pairs(self, run: str) -> Path:
        """What a run's verdict rests on."""
        return self.validation(run) / "pairs.json"

    def sweep(self, run: str) -> Path:
        """The gate's answers about a run's adapter at several strengths."""
        return self.root / "outputs" / "sweeps" / run / "sweep.json"

    def swept_pairs(self, run: str) -> Path:
        """What those answers rest on."""
        return self.sweep(run).with_name("pairs.json")

    def comparisons(self, run: str) -> Path:
        """What people preferred of a run's samples and its base's, without knowing which is
        which."""
        return self.root / "outputs" / "comparisons" / f"{run}.jsonl"

    @property
    def outputs(self) -> Path:
        """What is made for people: reports, samples, clips, curves."""
        return self.root / "outputs"

    @property
    def summary(self) -> Path:
        """The project's roll-up."""
        return self.root / "outputs" / "summary"

    @property
    def reports(self) -> Path:
        """Pages for people, one file each."""
        return self.root / "outputs" / "reports"

    @property
    def project_report(self) -> Path:
        """The project's page."""
        return self.reports / "index.html"

    def report(self, run: str) -> Path:
        """The page of a run (`lora_unified` or a scenario's name); no name of one holds a '-'."""
        return self.reports / ("run-index.html" if run == "index" else f"{run}.html")

    @property
    def jobs(self) -> Path:
        """The database of the service's jobs, where it has no other."""
        return self.root / "outputs" / "jobs.sqlite"

    @property
    def artifacts(self) -> Path:
        """Clips that the API generated."""
        return self.root / "outputs" / "artifacts"

    @property
    def register(self) -> Path:
        """`<id>.json`: every video that was published, signed."""
        return self.root / "outputs" / "register"

    @property
    def changelog(self) -> Path:
        """Hash-chained record of promotions."""
        return self.root / "data" / "changelog.jsonl"

    @property
    def takedowns(self) -> Path:
        """Hash-chained list of the footage that was taken out."""
        return self.root / "data" / "takedowns.jsonl"

    @property
    def takedown_heads(self) -> tuple[Path, ...]:
        """Where that list ends, noted twice: whoever makes `data/` or `checkpoints/` anew has the
        other one still."""
        name = "takedowns.head.json"
        return self.root / "data" / name, self.root / "checkpoints" / name

    @property
    def ledger(self) -> Path:
        """Hash-chained list of all records that stages wrote, with their parents."""
        return self.root / "data" / "ledger.jsonl"

    @property
    def gpu_lock(self) -> Path:
        """Held by whichever process uses the accelerator."""
        return self.root / "data" / "gpu.lock"

    def work_lock(self, work: str) -> Path:
        """Held by whichever process of a cluster does a work."""
        return self.root / "data" / "locks" / f"{work}.lock"

"""`slora reproduce`: train a finished run again from what it wrote down, and compare adapters."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slora_assets.config.errors import MissingInputError, TrainingError
from slora_assets.config.places import PROJECT
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import ADAPTER_FILE, ENVIRONMENT, RUN_RECORD, RunRecord
from slora_assets.governance.lineage.asked import nodes_meant
from slora_assets.governance.lineage.graph import graph_of
from slora_assets.governance.reproduction.inputs import prepared_inputs, run_in
from slora_assets.processes.preloading import THREADS
from slora_assets.provenance import read_json, sha256_file
from slora_assets.provenance.records import installed_packages, read_run_record

_OWN: Final = "slora"


@dataclass(frozen=True)
class Compared:
    """An adapter of a run, and the one that was made again."""

    epoch: int
    recorded: str
    """SHA-256 of the file."""
    found: str | None
    """Of the file made again; None where that run kept no adapter of this epoch."""

    @property
    def equal(self) -> bool:
        """Byte for byte."""
        return self.recorded == self.found


@dataclass(frozen=True)
class Reproduced:
    """What came out."""

    run: str
    folder: Path
    """Of the run that was made again."""
    adapters: list[Compared]
    other_software: dict[str, tuple[str | None, str | None]]
    """Packages by which the two environments differ: version then, version now."""


def run_of_adapter(workspace: Workspace, asked: str) -> Path:
    """The folder that holds the record of an adapter's run: its own, or the registry's copy.

    `asked` is an adapter's hash, file or folder, or a run's name. Raises MissingInputError.
    """
    graph = graph_of(workspace)
    adapters = [
        node
        for node in graph.around(nodes_meant(graph, workspace, asked))
        if node.kind == "adapter" and node.file is not None
    ]
    for node in adapters:
        folder = workspace.absolute(str(node.file))
        for place in (folder, *folder.parents[:2], workspace.registry / node.name):
            if (place / RUN_RECORD).is_file():
                return place
    raise MissingInputError(
        "no adapter of this name has a record of its run",
        found=asked,
        expected="an adapter's hash or file, or a run",
        remedy="`slora lineage` lists them",
    )


def reproduce(
    workspace: Workspace,
    run_folder: Path,
    into: Path,
    report: Callable[[str], None],
    environment: bool = False,
) -> Reproduced:
    """Make a run again below `into`; with `environment` by a virtual environment made for it, which
    holds the very packages that it was trained with.

    Raises MissingInputError and IntegrityError as `prepared_inputs` does, TrainingError when a step
    fails.
    """
    record = read_run_record(run_folder)
    fresh = prepared_inputs(workspace, run_folder, record, into)
    report(f"{record.run}: {len(record.clips)} clips, recipe and prompts are laid out in {into}")
    python = _environment(run_folder, into, report) if environment else sys.executable
    for step, command in _commands(fresh, record):
        report(f"{record.run}: {step}")
        _run(python, command, fresh, record.threads)
    folder = run_in(fresh, record)
    made = read_run_record(folder).kept
    found = {kept.epoch: sha256_file(folder / kept.path / ADAPTER_FILE) for kept in made}
    return Reproduced(
        run=record.run,
        folder=folder,
        adapters=[Compared(one.epoch, one.sha256, found.get(one.epoch)) for one in record.kept],
        other_software={} if environment else _other_software(run_folder),
    )


def _commands(fresh: Workspace, record: RunRecord) -> list[tuple[str, list[str]]]:
    """What is done, in words, and the command that does it."""
    recipe = fresh.configs / "training" / "reproduced.yaml"
    caches = [
        (
            f"encoding {cache} of {scenario}",
            ["slora_assets.caches.command", cache, "--scenario", scenario],
        )
        for scenario in record.scenarios
        for cache in ("latents", "embeddings")
    ]
    unified = record.run == UNIFIED
    folder = run_in(fresh, record)
    training = ["slora_assets.training.command", "unified" if unified else "scenarios"]
    training += ["--metadata", str(fresh.scenario_metadata), "--config", str(recipe)]
    training += ["--tracker", "none"]
    where = ["--output-dir", str(folder)]
    alone = ["--output-root", str(folder.parent), "--scenario", record.run]
    training += where if unified else alone
    return [*caches, (f"training {record.epochs} epochs", training)]


def _run(python: str, command: list[str], fresh: Workspace, threads: int | None) -> None:
    """`threads`: of the run that is made again, if it says so."""
    chosen = {
        "SLORA_WORKSPACE": str(fresh.root),
        "SLORA_CONFIGS": str(fresh.configs),
        "SLORA_DATASET": str(fresh.dataset_file),
        "SLORA_TRAINING": str(fresh.configs / "training" / "reproduced.yaml"),
    }
    if threads is not None:
        chosen[THREADS] = str(threads)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SLORA_")}
    done = subprocess.run(
        [python, "-m", *command], env=kept | chosen, capture_output=True, text=True, cwd=fresh.root
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise TrainingError(
            f"a step failed: {lines[-1] if lines else f'status {done.returncode}'}",
            file=fresh.root,
            key=command[0],
            remedy="mend what it names, and reproduce into another folder",
        )


def _recorded_packages(run_folder: Path) -> dict[str, str]:
    found = read_json(run_folder / ENVIRONMENT, remedy="train again: the run says no packages")
    assert isinstance(found, dict), "it is on record, as this project wrote it"
    return {str(name): str(version) for name, version in found.items()}


def _other_software(run_folder: Path) -> dict[str, tuple[str | None, str | None]]:
    if not (run_folder / ENVIRONMENT).is_file():
        return {}
    then, now = _recorded_packages(run_folder), installed_packages()
    return {
        name: (then.get(name), now.get(name))
        for name in sorted({*then, *now} - {_OWN})
        if then.get(name) != now.get(name)
    }


def _environment(run_folder: Path, into: Path, report: Callable[[str], None]) -> str:
    """The Python of a fresh virtual environment with the recorded packages and this project's
    code."""
    packages = _recorded_packages(run_folder)
    report(f"installing {len(packages)} packages, as the run had them")
    folder = into / "environment"
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    wanted = into / "environment.txt"
    wanted.write_text(
        "".join(f"{name}=={version}\n" for name, version in packages.items() if name != _OWN)
    )
    steps = (["--requirement", str(wanted), "--no-deps"], ["--no-deps", "--editable", str(PROJECT)])
    for step in steps:
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *step]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise TrainingError(
                f"the environment can't be made again: {done.stderr.strip()[-300:]}",
                file=wanted,
                remedy="reproduce without --environment, in the one that is installed",
            )
    return python

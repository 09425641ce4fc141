"""Which adapter could be promoted for a scenario: its run's best, with the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slora_assets.config.errors import GateError, IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.taint import refuse_tainted
from slora_assets.documents import (
    RUN_RECORD,
    VERDICT_FILE,
    AdapterRecord,
    KeptAdapter,
    RunVerdict,
)
from slora_assets.provenance.ledger import refuse_unrecorded
from slora_assets.provenance.records import read_adapter_record, read_run_record, read_verdict


@dataclass(frozen=True)
class Candidate:
    """The best adapter of a scenario's run, with the verdict on exactly these weights."""

    scenario: str
    folder: Path
    kept: KeptAdapter
    record: AdapterRecord
    verdict: RunVerdict


def candidate(workspace: Workspace, scenario: str) -> Candidate:
    """The adapter that could be promoted for a scenario, whatever its verdict.

    Raises MissingInputError when run or verdict is absent, IntegrityError when a file isn't what
    its record says, GateError when the verdict is about another adapter, run or base, TaintedError
    when the adapter has seen footage that was taken down.
    """
    run = workspace.scenario_run(scenario)
    best = read_run_record(run).best
    refuse_unrecorded(workspace, run / RUN_RECORD, remedy="run `make train-scenarios`")
    folder = _inside(run, best.path)
    record = read_adapter_record(folder)
    if record.sha256 != best.sha256 or record.scenario not in (scenario, None):
        raise IntegrityError(
            "the run's best adapter is not the one that its record names",
            file=folder,
            found=f"{record.sha256} for {record.scenario}",
            expected=f"{best.sha256} for {scenario}",
            remedy="train the scenario again",
        )
    file = workspace.validation(scenario) / VERDICT_FILE
    verdict = read_verdict(workspace, scenario)
    refuse_unrecorded(workspace, file, remedy="run `make validate`")
    _about(file, verdict, scenario, record)
    refuse_tainted(workspace, record.sha256, folder)
    return Candidate(scenario, folder, best, record, verdict)


def _about(path: Path, verdict: RunVerdict, scenario: str, record: AdapterRecord) -> None:
    """Refuse a verdict on anything but this adapter of this run on this base."""
    facts = {
        "run": (verdict.run, scenario),
        "adapter_sha256": (verdict.adapter_sha256, record.sha256),
        "run_hash": (verdict.run_hash, record.run_hash),
        "base.parts": (verdict.base.parts, record.base_parts),
    }
    for key, (found, expected) in facts.items():
        if found != expected:
            raise GateError(
                "the verdict is stale: it is about something else than the run's best adapter",
                file=path,
                key=key,
                found=found,
                expected=str(expected),
                remedy="run `make validate`",
            )


def _inside(run: Path, name: str) -> Path:
    """The kept adapter's folder; `name` may be the folder or a file in it."""
    folder = run / name
    if folder.suffix == ".safetensors":
        folder = folder.parent
    if ".." in Path(name).parts or not folder.is_relative_to(run):
        raise IntegrityError(
            "the kept adapter lies outside its run", file=run, key="best.path", found=name
        )
    return folder

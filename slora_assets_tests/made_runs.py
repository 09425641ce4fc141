"""Records of runs and verdicts as they would be left behind, for rules that read nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from slora_assets.base_models.seam import LoraShape
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    RUN_RECORD,
    VERDICT_FILE,
    GateDecision,
    RunVerdict,
)
from slora_assets.provenance import sha256_file, write_json
from slora_assets_tests.on_record import put_run_on_record

BASE: Final[Mapping[str, Any]] = {
    "name": "tiny",
    "revision": "r1",
    "licence": "Apache-2.0",
    "trained": True,
    "parts": {"vae": "0a"},
}
HASHES: Final = {"run_hash": "1" * 64, "config_hash": "2" * 64, "dataset_hash": "3" * 64}


SHAPE: Final = LoraShape(4, 4.0, ("to_q",))


def adapter_file(workspace: Workspace, scenario: str) -> Path:
    """Where the one adapter lies that a run of these kept."""
    return workspace.scenario_run(scenario) / "adapters" / "epoch_2" / ADAPTER_FILE


def write_records(
    workspace: Workspace,
    scenario: str,
    answer: str = "pass",
    trusted: bool = True,
    base: Mapping[str, Any] = BASE,
    shape: LoraShape = SHAPE,
    about: Mapping[str, Any] | None = None,
) -> str:
    """Write what stands beside a scenario's adapter file: its record, the run's and the verdict
    (with the keys in `about` changed); returns the adapter's hash."""
    file = adapter_file(workspace, scenario)
    sha256, made_with = sha256_file(file), {"base": base}
    adapter = adapter_record(scenario, sha256, file.stat().st_size, base, shape)
    write_json(file.with_name(ADAPTER_RECORD), adapter)
    run = run_record(scenario, sha256, trusted) | made_with
    write_json(workspace.scenario_run(scenario) / RUN_RECORD, run)
    found = verdict(scenario, sha256, answer, trusted) | made_with | dict(about or {})
    write_json(workspace.validation(scenario) / VERDICT_FILE, found)
    put_run_on_record(workspace, scenario)
    return sha256


def adapter_record(
    scenario: str, adapter: str, size: int, base: Mapping[str, Any], shape: LoraShape
) -> dict[str, Any]:
    """`adapter.json` of an adapter file with the hash `adapter` and so many bytes."""
    return {
        **HASHES,
        "schema_version": 1,
        "sha256": adapter,
        "bytes_": size,
        "scenario": scenario,
        "base": base["name"],
        "base_revision": base["revision"],
        "base_parts": base["parts"],
        "base_licence": base["licence"],
        "rank": shape.rank,
        "alpha": shape.alpha,
        "targets": list(shape.targets),
        "epoch": 2,
        "step": 10,
        "metrics": {},
    }


def run_record(
    scenario: str, adapter: str, trusted: bool = True, dataset_hash: str = HASHES["dataset_hash"]
) -> dict[str, Any]:
    """`manifest.json` of a run that kept one adapter."""
    kept = {"epoch": 2, "path": "adapters/epoch_2", "sha256": adapter, "combined": 1.0}
    return {
        **HASHES,
        "schema_version": 1,
        "dataset_hash": dataset_hash,
        "run": scenario,
        "scenarios": [scenario],
        "left_out": {},
        "config_difference": {},
        "dataset": "sample",
        "licence": "CC0",
        "clips": [],
        "dropped": {},
        "base": BASE,
        "scorer": {},
        "scores_trusted": trusted,
        "scores_note": None,
        "epochs": 2,
        "steps": 10,
        "base_scores": {},
        "best": kept,
        "kept": [kept],
        "software": {},
        "parity": {"max_difference": 0.0, "tolerance": 0.001, "effect": 0.1},
    }


def verdict(
    scenario: str, adapter: str, answer: str = "pass", trusted: bool = True
) -> dict[str, Any]:
    """`verdict.json` on an adapter."""
    decision = GateDecision(
        answer=answer,
        reasons=[f"It is {answer}."],
        metrics={},
        n_clips=32,
        duplicates={},
        footage_clips=0,
        mean_difference=0.1,
        confidence=0.95,
        bootstrap_samples=100,
        bootstrap_seed=0,
    )
    document = RunVerdict.model_validate(
        {
            "run": scenario,
            "run_hash": HASHES["run_hash"],
            "adapter_sha256": adapter,
            "validation_hash": "4" * 64,
            "served": {"scale": 0.85, "steps": 2, "guidance_scale": 3.0},
            "base": BASE,
            "scorer": {},
            "scores_trusted": trusted,
            "scores_note": None if trusted else "The scorer holds random weights.",
            "base_scores": {},
            "adapter_scores": {},
            "footage_scores": {},
            "verdict": decision,
        }
    )
    return document.model_dump(mode="json")

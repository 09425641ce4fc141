"""A workspace with finished runs and verdicts; adapters are a few bytes, which is all that rules
about them need."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    RUN_RECORD,
    VERDICT_FILE,
    GateDecision,
    RunVerdict,
)
from slora_assets.provenance import sha256_bytes, write_bytes, write_json

CONFIGS = Path(__file__).parents[2] / "configs"
BASE = {
    "name": "tiny",
    "revision": "r1",
    "licence": "Apache-2.0",
    "trained": True,
    "parts": {"vae": "0a"},
}

FinishRun = Callable[..., str]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    configs = tmp_path / "configs"
    (configs / "model").mkdir(parents=True)
    name = "optimized_inference.yaml"
    shutil.copy(CONFIGS / "model" / name, configs / "model" / name)
    return Workspace(tmp_path, configs, configs / "data" / "sample.yaml")


@pytest.fixture
def finish_run(workspace: Workspace) -> FinishRun:
    """Write a run with one kept adapter and its verdict; returns the adapter's hash."""

    def finish(
        scenario: str = "market_floor",
        verdict: str = "pass",
        content: bytes = b"weights",
        trusted: bool = True,
        **about: Any,
    ) -> str:
        folder = workspace.scenario_run(scenario) / "adapters" / "epoch_2"
        sha256 = sha256_bytes(content)
        write_bytes(folder / ADAPTER_FILE, content)
        hashes = {"run_hash": "1" * 64, "config_hash": "2" * 64, "dataset_hash": "3" * 64}
        record = {
            **hashes,
            "schema_version": 1,
            "sha256": sha256,
            "bytes_": len(content),
            "scenario": scenario,
            "base": "tiny",
            "base_revision": "r1",
            "base_parts": BASE["parts"],
            "base_licence": "Apache-2.0",
            "rank": 4,
            "alpha": 4.0,
            "targets": ["to_q"],
            "epoch": 2,
            "step": 10,
            "metrics": {},
        }
        write_json(folder / ADAPTER_RECORD, record)
        kept = {"epoch": 2, "path": "adapters/epoch_2", "sha256": sha256, "combined": 1.0}
        run = {
            **hashes,
            "schema_version": 1,
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
        write_json(workspace.scenario_run(scenario) / RUN_RECORD, run)
        answer = RunVerdict.model_validate(
            {
                "run": scenario,
                "run_hash": hashes["run_hash"],
                "adapter_sha256": sha256,
                "validation_hash": "4" * 64,
                "base": BASE,
                "scorer": {},
                "scores_trusted": trusted,
                "scores_note": None if trusted else "The scorer holds random weights.",
                "base_scores": {},
                "adapter_scores": {},
                "verdict": GateDecision(
                    answer=verdict,
                    reasons=[f"It is {verdict}."],
                    metrics={},
                    n_prompts=32,
                    mean_difference=0.1,
                    confidence=0.95,
                    bootstrap_samples=100,
                    bootstrap_seed=0,
                ),
            }
        )
        document = answer.model_dump(mode="json") | about
        write_json(workspace.validation(scenario) / VERDICT_FILE, document)
        return sha256

    return finish

"""Records of runs and verdicts as they would be left behind, for rules that read nothing else."""

from __future__ import annotations

from typing import Any, Final

from slora_assets.documents import GateDecision, RunVerdict

BASE: Final = {
    "name": "tiny",
    "revision": "r1",
    "licence": "Apache-2.0",
    "trained": True,
    "parts": {"vae": "0a"},
}
HASHES: Final = {"run_hash": "1" * 64, "config_hash": "2" * 64, "dataset_hash": "3" * 64}


def adapter_record(scenario: str, adapter: str, size: int) -> dict[str, Any]:
    """`adapter.json` of an adapter file with the hash `adapter` and so many bytes."""
    return {
        **HASHES,
        "schema_version": 1,
        "sha256": adapter,
        "bytes_": size,
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

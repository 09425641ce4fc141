"""A workspace with finished runs and verdicts; adapters are a few bytes, which is all that rules
about them need."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.documents import ADAPTER_FILE, ADAPTER_RECORD, RUN_RECORD, VERDICT_FILE
from slora_assets.provenance import sha256_bytes, write_bytes, write_json
from slora_assets_tests.made_runs import adapter_record, run_record
from slora_assets_tests.made_runs import verdict as made_verdict
from slora_assets_tests.workspaces import below

CONFIGS = Path(__file__).parents[2] / "configs"
FinishRun = Callable[..., str]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    configs = tmp_path / "configs"
    for name in ("model/optimized_inference.yaml", "data/sample.yaml", "data/scenarios.yaml"):
        (configs / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CONFIGS / name, configs / name)
    return below(tmp_path)


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
        write_json(folder / ADAPTER_RECORD, adapter_record(scenario, sha256, len(content)))
        run = run_record(scenario, sha256, trusted)
        write_json(workspace.scenario_run(scenario) / RUN_RECORD, run)
        document = made_verdict(scenario, sha256, verdict, trusted) | about
        write_json(workspace.validation(scenario) / VERDICT_FILE, document)
        return sha256

    return finish

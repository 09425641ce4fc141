"""A workspace with finished runs and verdicts; adapters are a few bytes, which is all that rules
about them need."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.provenance import write_bytes
from slora_assets_tests.earned import earn
from slora_assets_tests.made_runs import adapter_file, write_records
from slora_assets_tests.workspaces import below

CONFIGS = Path(__file__).parents[2] / "configs"
FinishRun = Callable[..., str]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    configs = tmp_path / "configs"
    for name in (
        "model/optimized_inference.yaml",
        "data/sample.yaml",
        "data/scenarios.yaml",
        "training/validation_prompts.yaml",
    ):
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
        write_bytes(adapter_file(workspace, scenario), content)
        sha256 = write_records(workspace, scenario, verdict, trusted)
        earn(workspace, scenario, verdict, about)
        return sha256

    return finish

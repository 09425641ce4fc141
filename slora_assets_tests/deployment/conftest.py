"""A workspace with finished runs and verdicts; adapters are a few bytes, which is all that rules
about them need."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.documents import Answer
from slora_assets.provenance import write_bytes
from slora_assets_tests.earned import earn, write_sweep
from slora_assets_tests.judged_runs import write_manifest
from slora_assets_tests.made_runs import adapter_file, write_records
from slora_assets_tests.workspaces import below

CONFIGS = Path(__file__).parents[2] / "configs"
FinishRun = Callable[..., str]
SCENARIO = "market_floor"


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


@pytest.fixture
def sweep(workspace: Workspace, finish_run: FinishRun) -> Callable[..., str]:
    """Finish a run and sweep it; returns the adapter's hash."""
    prompts = workspace.validation_prompts
    prompts.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(CONFIGS / "training" / prompts.name, prompts)
    write_manifest(workspace, SCENARIO)

    def made(adapter: str | None = None, **answers: Answer) -> str:
        sha256 = finish_run(SCENARIO)
        scales = ", ".join(f"{scale:g}" for scale in strengths(answers))
        prompts.write_text(re.sub(r"sweep: \[.*\]", f"sweep: [{scales}]", prompts.read_text()))
        write_sweep(
            workspace,
            SCENARIO,
            strengths(answers),
            adapter=adapter,
        )
        return sha256

    return made


def strengths(named: Mapping[str, Answer]) -> dict[float, Answer]:
    """Answers by strength; these are named `s085=...`."""
    return {int(name[1:]) / 100: answer for name, answer in named.items()}

"""What tests know of the made project."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from slora_assets.config.workspace import Workspace
from slora_assets.documents import ADAPTER_FILE
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance.records import read_run_record

SCENARIO: Final = "market_floor"


def adapter_of(workspace: Workspace) -> Path:
    """The promoted adapter's file, where its run left it."""
    run = workspace.scenario_run(SCENARIO)
    return run / read_run_record(run).best.path / ADAPTER_FILE


def video_of(workspace: Workspace) -> Path:
    """The one generated clip."""
    [video] = workspace.artifacts.glob("*.mp4")
    return video


def one_of(folder: Path, pattern: str) -> Path:
    """The first file below a folder."""
    return sorted(folder.rglob(pattern))[0]


def broken(workspace: Workspace, path: Path | None = None, full: bool = True) -> list[str]:
    """What `slora verify` finds broken of an artefact or of the whole workspace, a line each."""
    tree = verify(workspace, path or workspace.root, full)
    return [f"{link.path}: {link.says}" for link in tree.broken()]

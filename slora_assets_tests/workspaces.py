"""Workspaces of tests: chosen by the environment, copied, edited, and what lies in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from slora_assets.config.workspace import Workspace


def choose(environment: Mapping[str, str], patch: pytest.MonkeyPatch) -> Workspace:
    """Have this process work where `environment` says, until `patch` is undone."""
    for name, value in environment.items():
        patch.setenv(name, value)
    return Workspace.from_environment()


def below(root: Path) -> Workspace:
    """A workspace with its configuration below the same folder, on the sample dataset."""
    return Workspace(root, root / "configs", root / "configs" / "data" / "sample.yaml")


def contents(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rewrite(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a JSON file holds."""
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))

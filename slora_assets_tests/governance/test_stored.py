"""A whole project, pushed to a store and pulled elsewhere, verifies there as where it was made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slora_assets.cli.commands import app
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.registry import open_registered
from slora_assets.documents import registered_path
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance import sha256_file
from slora_assets.storage.store import Store
from slora_assets_tests.governance.made import adapter_of
from slora_assets_tests.workspaces import choose


def _run(*arguments: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output or done.exception


def test_what_was_pulled_verifies(
    project: Workspace, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run("push")
    root = tmp_path / "elsewhere"
    shutil.copytree(project.configs, root / "configs")
    found = {
        "SLORA_WORKSPACE": str(root),
        "SLORA_CONFIGS": str(root / "configs"),
        "SLORA_DATASET": str(root / "configs" / "data" / "small.yaml"),
    }
    there = choose(found, monkeypatch)
    _run("pull")
    assert [f"{link.path}: {link.says}" for link in verify(there, root, full=True).broken()] == []
    sha256 = sha256_file(adapter_of(project))
    shutil.rmtree(there.registry / sha256)  # the service has it back when it is asked for
    assert open_registered(there, registered_path(sha256), sha256).is_dir()
    assert adapter_of(there).read_bytes() == adapter_of(project).read_bytes()

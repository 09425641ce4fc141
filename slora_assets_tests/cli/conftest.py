"""The command in this process, and footage that it takes no time to look at."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from slora_assets.cli import main
from slora_assets.config.workspace import Workspace
from slora_assets_tests.folder_dataset import HELD_OUT, folder_workspace
from slora_assets_tests.workspaces import choose

CLIPS = {
    "a": ["a boat enters the harbour"],
    "b": ["a ship at the quay"],
    f"{HELD_OUT}_c": ["a boat"],
    "d": ["a beach", "a boat at the beach"],
    "e": ["a quiet room"],
}


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


Slora = Callable[..., Said]


@pytest.fixture
def seas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A dataset without any scenario."""
    return choose(folder_workspace(tmp_path, CLIPS), monkeypatch)


@pytest.fixture
def slora(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Slora:
    """The command, in this process."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["slora", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run

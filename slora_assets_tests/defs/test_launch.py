"""The command line's verbs: what is wrong is one line, whatever is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_VERBS = [sys.executable, "-m", "slora_assets.defs.launch"]


def _said(
    arguments: list[str], folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_VERBS, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"DAGSTER_HOME": str(folder)} | environment,
    )


@pytest.mark.parametrize("arguments", [[], ["prepocess"], ["data", "trian"]])
def test_a_mistyped_verb_is_told_with_the_known_ones(tmp_path: Path, arguments: list[str]) -> None:
    done = _said(arguments, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ") and "train-scenarios" in done.stderr


def test_a_dataset_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    done = _said(["data"], tmp_path, SLORA_DATASET="nope")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "nope" in line and "sample" in line


def test_release_needs_no_configuration(tmp_path: Path) -> None:
    assert _said(["release"], tmp_path, SLORA_DATASET="nope").returncode == 0

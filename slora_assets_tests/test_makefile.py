"""What `make` hands over: paths with spaces and umlauts, switches and overrides, also from a folder
whose own path has them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from slora_assets_tests.small_graph import PROJECT

PRINTS = """\
#!/bin/sh
printf '%s\\n' "$PWD"
for argument in "$@"; do printf 'argument %s\\n' "$argument"; done
env | grep '^SLORA_' | sort
"""


@pytest.fixture(params=["checkout", "my chéckout"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkout that is set up, with a Python that prints what it is asked."""
    folder: Path = tmp_path / request.param
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, folder)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(PRINTS)
    python.chmod(0o755)
    (folder / ".venv" / ".ready").touch()
    return folder


def make(checkout: Path, *arguments: str) -> list[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLORA_", "MAKE"))}
    done = subprocess.run(
        ["make", "--silent", *arguments],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_folders_with_spaces_and_umlauts_arrive_whole(checkout: Path) -> None:
    said = make(
        checkout,
        "data",
        "DATASET=msrvtt",
        "WORKSPACE=./my späce",
        "FOOTAGE=my videos",
        "ANNOTATIONS=/elsewhere/my ann",
    )
    assert said == [
        str(checkout),
        "argument -m",
        "argument slora_assets.defs.launch",
        "argument data",
        "SLORA_ANNOTATIONS=/elsewhere/my ann",
        "SLORA_DATASET=msrvtt",
        f"SLORA_FOOTAGE={checkout}/my videos",
        f"SLORA_WORKSPACE={checkout}/./my späce",
    ]


def test_switches_and_overrides_arrive_as_they_were_typed(checkout: Path) -> None:
    over = "optimizer.learning_rate=1e-4 lora.targets=[to_q,to_k]"
    said = make(checkout, "train", f"SET={over}", "RESTART=0", "PREVIEW=1")
    assert said[3:] == [
        "argument train",
        "SLORA_PREVIEW=1",
        "SLORA_RESTART=0",
        f"SLORA_SET={over}",
    ]


@pytest.mark.parametrize(("status", "by_pip"), [(0, False), (2, True)])
def test_where_uv_cannot_install_pip_does(checkout: Path, status: int, by_pip: bool) -> None:
    (checkout / ".venv" / ".ready").unlink()
    uv = checkout / ".venv" / "bin" / "uv"
    uv.write_text(PRINTS.replace("argument", "uv") + f"exit {status}\n")
    uv.chmod(0o755)
    said = make(checkout, "setup")
    assert "uv .[dev]" in said
    assert ("argument .[dev]" in said) is by_pip
    assert (checkout / ".venv" / ".ready").exists()

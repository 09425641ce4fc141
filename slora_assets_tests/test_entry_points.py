"""Ctrl-C at any command, from its first moment on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slora_assets_tests.waiting import PATIENCE_S

PROJECT = Path(__file__).parents[1]
_INTERRUPTS = """
import signal
signal.raise_signal(signal.SIGINT)
raise AssertionError("nobody heard it")
"""


@pytest.fixture(autouse=True)
def sigint() -> Iterator[None]:
    """As at a terminal, however the tests were started: in the background shells ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "command",
    [
        "-m api",
        "-m api.client --scenario stage",
        "-m api.compare",
        "-m slora_assets.cli log",
        "-m slora_assets.defs.demo",
        "-m slora_assets.defs.launch data",
        "src/train_lora.py --help",
        "src/train_scenario_lora.py --help",
    ],
)
def test_ctrl_c_while_a_command_loads_what_it_needs_is_one_line(
    command: str, tmp_path: Path
) -> None:
    """The first of the libraries that all of them load is the moment."""
    (tmp_path / "pydantic.py").write_text(_INTERRUPTS)
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("module", ["api", "api.compare", "slora_assets.defs.demo"])
def test_what_serves_or_runs_for_long_says_what_it_would_do_and_takes_no_stray_word(
    module: str,
) -> None:
    def told(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", module, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return done.returncode, done.stdout + done.stderr

    status, said = told("--help")
    assert (status, said.splitlines()[0].split()[:4]) == (0, ["usage:", "python", "-m", module])
    status, said = told("--prot", "9000")
    assert status == 2
    assert "unrecognized arguments: --prot 9000" in said

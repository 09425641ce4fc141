"""Forked workers behave like commands that were started afresh, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from slora_assets.processes.starting import StartedWorker, can_fork, start_afresh, start_forked
from slora_assets_tests.waiting import wait_for_end_of
from slora_assets_tests.workers import ended

_REPORTS = """\
import json, os, sys
print(json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "x": os.environ.get("X"),
                  "y": os.environ.get("Y"),
                  "name": __name__, "leads": os.getpid() == os.getsid(0)}), file=sys.stderr)
os.environ["LEFT"] = "behind"
sys.exit(int(sys.argv[1]))
"""

_HOW = pytest.mark.parametrize(
    "forked",
    [
        pytest.param(
            True, marks=pytest.mark.skipif(not can_fork(), reason="workers are forked on Linux")
        ),
        False,
    ],
)


def _start(forked: bool, module: str, *arguments: str, **environment: str) -> StartedWorker:
    if forked:
        return start_forked(module, arguments, environment)
    return start_afresh([sys.executable, "-m", module, *arguments], environment)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module, to be written by the test, that both kinds of worker can import."""
    name = f"worker_{tmp_path.name.replace('-', '_')}"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"{name}.py").touch()
    return name


def test_a_forked_worker_is_what_a_fresh_one_is(
    tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_fork():
        pytest.skip("workers are forked on Linux")
    (tmp_path / f"{module}.py").write_text(_REPORTS)
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        monkeypatch.setenv("Y", f"of its owner, {number}")
        forked, fresh = (
            ended(_start(how, module, str(number), "--flag", X=str(number)))
            for how in (True, False)
        )
        assert forked == fresh
        assert forked.status == number
    assert "LEFT" not in os.environ


@_HOW
@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("raise ValueError('no such thing')", 1, "ValueError: no such thing"),
        ("import sys; sys.exit('error: told')", 1, "error: told"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import sys; print('said', file=sys.stderr)", 0, "said"),
    ],
)
def test_how_a_worker_ends_is_known(
    tmp_path: Path, module: str, forked: bool, text: str, status: int, said: str
) -> None:
    (tmp_path / f"{module}.py").write_text(text)
    found = ended(_start(forked, module))
    assert found.status == status
    assert said in found.said


@_HOW
def test_a_worker_can_be_signalled_as_a_group_as_soon_as_it_is_started(
    tmp_path: Path, module: str, forked: bool
) -> None:
    (tmp_path / f"{module}.py").write_text("import time; time.sleep(600)")
    worker = _start(forked, module)
    os.killpg(worker.pid, signal.SIGTERM)
    assert ended(worker).status == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.killpg(worker.pid, 0)


_OWNER = """
import os, sys
from slora_assets.processes.starting import start_forked
from slora_assets.processes.stopping import SUPERVISOR
if __name__ == "__main__":
    worker = start_forked("endless", [], {SUPERVISOR: str(os.getpid())})
    print(worker.pid, flush=True)
    sys.stdin.read()
"""
_ENDLESS = """
import time
from slora_assets.config.workspace import Workspace
from slora_assets.processes.worker import worker
with worker(Workspace.from_environment()) as here:
    while not here.should_stop():
        time.sleep(0.1)
"""
_STUBBORN = """
from slora_assets.processes import stopping
stopping.GRACE_S = 1.0
from slora_assets.config.workspace import Workspace
from slora_assets.processes.worker import worker
import time
with worker(Workspace.from_environment()):
    time.sleep(600)
"""


@pytest.mark.skipif(not can_fork(), reason="workers are forked on Linux")
@pytest.mark.parametrize("text", [_ENDLESS, _STUBBORN], ids=["stops", "does not stop"])
def test_worker_and_server_end_with_an_owner_that_is_killed(tmp_path: Path, text: str) -> None:
    (tmp_path / "owner.py").write_text(textwrap.dedent(_OWNER))
    (tmp_path / "endless.py").write_text(textwrap.dedent(text))
    owner = subprocess.Popen(
        [sys.executable, "owner.py"],
        cwd=tmp_path,
        env=os.environ | {"SLORA_WORKSPACE": str(tmp_path), "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert owner.stdout is not None
    worker = psutil.Process(int(owner.stdout.readline()))
    time.sleep(0.5)
    family = [worker, *psutil.Process(owner.pid).children(recursive=True)]
    owner.kill()
    owner.wait()
    wait_for_end_of(*family)

"""Forked workers behave like commands that were started afresh, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from slora_assets.fork_server import ForkServer, Process, can_fork, is_supported

# The server itself is for Linux (see its module); elsewhere workers start afresh: test_compute.py.
pytestmark = pytest.mark.skipif(not is_supported(), reason="workers are forked on Linux only")

_REPORTS = """\
import json, os, sys
import torch, helper
print(json.dumps({"argv": sys.argv, "cwd": os.getcwd(), "x": os.environ.get("X"), "name": __name__,
                  "leads": os.getpid() == os.getsid(0), "helper": helper.WHAT}), file=sys.stderr)
os.environ["LEFT"] = "behind"
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


def _script(folder: Path, text: str) -> Path:
    path = folder / "job.py"
    path.write_text(text)
    (folder / "helper.py").write_text(f"WHAT = {folder.name!r}\n")
    return path


def _ended(worker: Process) -> tuple[int, str]:
    assert worker.stderr is not None
    said = worker.stderr.read().decode()
    return worker.wait(30), said


def test_a_forked_worker_is_what_a_fresh_one_is(server: ForkServer, tmp_path: Path) -> None:
    for number, name in enumerate(("first", "second")):
        folder = tmp_path / name
        (folder / "elsewhere").mkdir(parents=True)
        command = [sys.executable, str(_script(folder, _REPORTS)), str(number), "--flag"]
        environment = os.environ | {"X": name}
        assert can_fork(command)
        forked = _ended(server.start(command, str(folder / "elsewhere"), environment))
        fresh = subprocess.run(
            command,
            cwd=folder / "elsewhere",
            env=environment,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
            check=False,
        )
        assert forked == (fresh.returncode, fresh.stderr)


def test_modules_run_as_with_dash_m(server: ForkServer, tmp_path: Path) -> None:
    (tmp_path / "said.py").write_text("import sys; print(sys.argv[1:], file=sys.stderr)")
    command = [sys.executable, "-m", "said", "a", "b"]
    worker = server.start(command, str(tmp_path), os.environ)
    assert _ended(worker) == (0, "['a', 'b']\n")


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("raise ValueError('no such thing')", 1, "ValueError: no such thing"),
        ("import sys; sys.exit('error: told')", 1, "error: told"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import atexit, sys; atexit.register(print, 'bye', file=sys.stderr)", 0, "bye"),
    ],
)
def test_how_a_worker_ends_is_known(
    server: ForkServer, tmp_path: Path, text: str, status: int, said: str
) -> None:
    command = [sys.executable, str(_script(tmp_path, text))]
    found = _ended(server.start(command, str(tmp_path), os.environ))
    assert found[0] == status
    assert said in found[1]


_OWNER = """
import os, sys
from slora_assets.fork_server import fork_server
from slora_assets.worker import SUPERVISOR
server = fork_server()
if len(sys.argv) > 1:
    environment = os.environ | {SUPERVISOR: str(os.getpid())}
    server.start([sys.executable, sys.argv[1]], ".", environment)
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("busy", [False, True])
def test_the_server_ends_with_its_owner(tmp_path: Path, busy: bool) -> None:
    """Killed while the server still imports, or while a worker of its works."""
    script = _script(
        tmp_path,
        "import time\nfrom slora_assets.config.workspace import Workspace\n"
        "from slora_assets.worker import worker\n"
        "with worker(Workspace.from_environment()) as here:\n"
        "    while not here.should_stop(): time.sleep(0.1)\n",
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, *([str(script)] if busy else [])],
        cwd=tmp_path,
        env=os.environ | {"SLORA_WORKSPACE": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert owner.stdout is not None
    server = psutil.Process(int(owner.stdout.readline()))
    family = [server, *server.children(recursive=True)]
    assert len(family) == 1 + busy
    owner.kill()
    owner.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


def test_without_its_server_a_start_says_so(tmp_path: Path) -> None:
    server = ForkServer()
    psutil.Process(server.pid).kill()
    time.sleep(0.1)
    with pytest.raises(OSError, match="the fork server has ended"):
        server.start([sys.executable, "-m", "this"], str(tmp_path), os.environ)
    server.close()

"""`python -m api.compare` as a person starts and stops it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Any

import httpx

from slora_assets.config.workspace import Workspace
from slora_assets.provenance.keys import KEYS
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.waiting import PATIENCE_S, wait_for


def test_the_command_serves_on_this_machine_and_prints_the_result_when_stopped(
    workspace: Workspace,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "api.compare", "--run", "harbour"],
        cwd=PROJECT,
        env=_environment(workspace) | {"SLORA_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            view = _waited_for(http)
            form = {"person": "Ada", "pair": view["pair"]["id"], "pressed": "right"}
            assert http.post("/choices", data=form).status_code == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert f"http://127.0.0.1:{port} shows 12 pairs (harbour)" in out
    assert "## What people prefer" in out and "| harbour | 1 | 1 |" in out


def test_the_command_says_which_runs_there_are(workspace: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.compare", "--run", "moon"],
        cwd=PROJECT,
        env=_environment(workspace),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "['beach', 'harbour']" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_comparison_loads_neither_models_nor_dagster() -> None:
    script = (
        "import sys, api.compare.serving;"
        "print([m for m in ('torch', 'dagster', 'diffusers', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def _environment(workspace: Workspace) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLORA_")}
    return kept | {
        KEYS: os.environ[KEYS],
        "SLORA_WORKSPACE": str(workspace.root),
        "SLORA_CONFIGS": str(workspace.configs),
        "SLORA_DATASET": str(workspace.dataset_file),
    }


def _waited_for(http: httpx.Client) -> dict[str, Any]:
    def pairs() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = http.get("/pairs", params={"person": "Ada"}).json()
        except httpx.HTTPError:
            return None
        return found

    return wait_for(pairs, "the comparison to be served") or {}

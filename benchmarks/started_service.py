"""A service of its own for a benchmark: `python -m api` in a workspace of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from slora_assets.provenance.keys import KEYS  # noqa: E402
from slora_assets_tests.served_workspace import made_base, made_workspace  # noqa: E402

_PARTS = ("configs", "data", "checkpoints", "outputs")
_LEFT_OUT = shutil.ignore_patterns("raw", "prepared", "state", "tracking")
"""What no service reads."""


@dataclass
class Started:
    """A process that serves, and where."""

    url: str
    root: Path
    process: subprocess.Popen[bytes]
    ready_s: float
    """From its start to /readyz."""

    @property
    def log(self) -> str:
        """All that it has written."""
        return (self.root / "service.log").read_text()


def workspace(root: Path, source: Path | None = None, **limits: int) -> Path:
    """A copy of `source`, or without one the small workspace of the tests: a tiny base, clips in
    two denoising steps, two scenarios promoted. `limits` go into its presets."""
    if source is not None:
        for name in _PARTS:
            shutil.copytree(source / name, root / name, ignore=_LEFT_OUT)
    else:
        os.environ[KEYS] = str(root / "keys")  # nothing here is signed with a person's key
        made_workspace(root, made_base(root / "models" / "tiny"))
    presets = root / "configs" / "model" / "optimized_inference.yaml"
    text = presets.read_text()
    for name, value in limits.items():
        text, found = re.subn(rf"(?m)^(  {name}:).*$", rf"\1 {value}", text)
        assert found, f"the presets have no limit {name}"
    presets.write_text(text)
    return root


@contextmanager
def started(
    root: Path, port: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Started]:
    """Ready when this begins, stopped when it ends. Raises TimeoutError after a minute."""
    port = port or free_port()
    paths = {"SLORA_WORKSPACE": root, "SLORA_CONFIGS": root / "configs", "PYTHONPATH": PROJECT}
    told = {name: str(path) for name, path in paths.items()} | {"SLORA_PORT": str(port)}
    command, began = [sys.executable, "-m", "api"], time.monotonic()
    with (root / "service.log").open("ab") as log:
        everything = os.environ | told | dict(environment or {})
        process = subprocess.Popen(command, cwd=root, env=everything, stdout=log, stderr=log)
    service = Started(f"http://127.0.0.1:{port}", root, process, 0.0)
    try:
        _await(service, began)
        yield service
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert isinstance(port, int)
        return port


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]


def _await(service: Started, began: float) -> None:
    while time.monotonic() - began < 60 and service.process.poll() is None:
        try:
            if httpx.get(f"{service.url}/readyz", timeout=5).status_code == 200:
                service.ready_s = time.monotonic() - began
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"the service isn't ready:\n{service.log[-2000:]}")

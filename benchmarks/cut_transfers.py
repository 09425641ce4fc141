"""A connection to a store, cut at random points of pushes and pulls: what is left.

A real S3 server (moto's, in a process of its own) stands behind a proxy that cuts every connection
after a random number of bytes; in half of the trials the line comes back at once, in the other half
it stays dead until the transfer has given up. Held against the right bytes: what a reader of the
store has then, what stands in the workspace that was being filled, and both once the same command
has run again.

    python benchmarks/cut_transfers.py [--trials 50] [--seed 0]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.provenance.keys import KEYS
from slora_assets.provenance.ledger import put_on_record
from slora_assets.storage.opening import open_store
from slora_assets.storage.pull import pull
from slora_assets.storage.push import push
from slora_assets.storage.store import Store

_FILES, _BYTES = 12, 400_000
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Hands bytes on until so many have passed, then resets all connections, once or for good."""

    def __init__(self, port: int) -> None:
        self._behind, self._lock = port, threading.Lock()
        self._open: set[socket.socket] = set()
        self.left, self.dead, self.comes_back, self.passed, self.cuts = 10**12, False, True, 0, 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, bytes_: int, comes_back: bool) -> None:
        """Count anew."""
        with self._lock:
            self.left, self.dead, self.comes_back = bytes_, False, comes_back
            self.passed = self.cuts = 0

    def _accept(self) -> None:
        while True:
            client, _ = self._server.accept()
            if self.dead:
                _reset(client)
                continue
            behind = socket.create_connection(("127.0.0.1", self._behind))
            self._open |= {client, behind}
            for one, other in ((client, behind), (behind, client)):
                threading.Thread(target=self._hand_on, args=(one, other), daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(8192):
                with self._lock:
                    cut = self.left < len(data)
                    data = data[: max(self.left, 0)] if cut else data
                    self.left -= len(data)
                    self.passed += len(data)
                target.sendall(data)
                if cut:
                    self._cut()
        except OSError:
            pass
        finally:
            for one in (source, target):
                self._open.discard(one)
                one.close()

    def _cut(self) -> None:
        with self._lock:
            self.cuts, self.dead, self.left = self.cuts + 1, not self.comes_back, 10**12
        for one in list(self._open):
            _reset(one)


def _reset(one: socket.socket) -> None:
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()


def _workspace(root: Path) -> Workspace:
    return Workspace(root, root / "configs", root / "configs/data/none.yaml")


def _filled(root: Path, seed: int) -> Workspace:
    """A run whose files have bytes of their own, on record."""
    made, drawn = _workspace(root), random.Random(seed)
    run = made.scenario_run("boat")
    (run / "state").mkdir(parents=True)
    for number in range(_FILES):
        (run / "state" / f"{number}.bin").write_bytes(drawn.randbytes(_BYTES))
    (run / "manifest.json").write_text(f'{{"seed": {seed}}}')
    put_on_record(made, "run", run / "manifest.json")
    return made


def _contents(workspace: Workspace) -> dict[str, bytes]:
    """All that a workspace holds, but what it notes of its store."""
    return {
        path.relative_to(workspace.root).as_posix(): path.read_bytes()
        for path in workspace.root.rglob("*")
        if path.is_file() and not path.name.startswith(".store")
    }


def _half_written(found: dict[str, bytes], *whole: dict[str, bytes]) -> list[str]:
    return [name for name, data in found.items() if data not in [one.get(name) for one in whole]]


class Trial:
    """One transfer that is cut."""

    def __init__(self, folder: Path, far: Store, near: Store, proxy: Proxy) -> None:
        self._folder, self._far, self._near, self._proxy = folder, far, near, proxy

    def run(self, kind: str, bytes_: int, comes_back: bool, seed: int) -> tuple[str, str]:
        """What came of it (`done` or `error`), and what is wrong then."""
        old = _filled(self._folder / "old", 0)
        push(old, self._near)
        new = _workspace(Path(shutil.copytree(old.root, self._folder / "new")))
        (new.scenario_run("boat") / "state" / "0.bin").write_bytes(b"new")
        for number in range(1, _FILES // 2):
            file = new.scenario_run("boat") / "state" / f"{number}.bin"
            file.write_bytes(random.Random(seed + number).randbytes(_BYTES))
        there = _workspace(self._folder / "there")
        if kind == "pull":
            push(new, self._near)
        self._proxy.cut_after(bytes_, comes_back)
        said = ""
        try:
            (push(new, self._far) if kind == "push" else pull(there, self._far))
        except SloraError as error:
            said = str(error)
            if "s3://" not in said or "Remedy" not in said:
                return "error", f"the error doesn't say where and what to do: {said}"
        before, wanted = _contents(old), _contents(new)
        seen = _workspace(self._folder / "reader")
        pull(seen, self._near)
        wrong = [] if _contents(seen) in (before, wanted) else ["a reader has neither version"]
        if not said and kind == "push" and _contents(seen) != wanted:
            wrong.append("it said that it was done")
        wrong += _half_written(_contents(there), wanted)
        (push(new, self._near) if kind == "push" else pull(there, self._near))
        pull(there, self._near)
        if _contents(there) != wanted:
            wrong.append("again doesn't make it right")
        return ("error" if said else "done"), "; ".join(wrong)


def _served(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """moto's server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, port
        except OSError:
            time.sleep(0.1)


def _store(port: int, url: str) -> Store:
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
    return open_store(url)


def main() -> int:
    """Print a row per kind of trial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with the server
    os.environ |= {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "k"}
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    drawn, rows = random.Random(asked.seed), dict[tuple[str, bool], list[tuple[str, str, int]]]()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[KEYS] = f"{folder}/keys"
        process, port = _served(Path(folder))
        try:
            proxy = Proxy(port)
            for number in range(asked.trials):
                kind, comes_back = ("push", "pull")[number % 2], number % 4 < 2
                url, place = f"s3://cut-{number}/store", Path(folder) / str(number)
                near, far = _store(port, url), _store(proxy.port, url)
                near.fs.mkdir(f"cut-{number}")
                most = _BYTES * (_FILES - 1 if kind == "pull" else _FILES // 2 - 1)
                trial = Trial(place, far, near, proxy)
                found = trial.run(kind, drawn.randrange(most), comes_back, number)
                rows.setdefault((kind, comes_back), []).append((*found, proxy.cuts))
                print(number, kind, comes_back, *found, flush=True, file=sys.stderr)
                shutil.rmtree(place)
        finally:
            process.terminate()
            process.wait()
    wrong = 0
    print("| transfer | line | trials | cut | done | clear error | wrong |")
    print("|---|---|---|---|---|---|---|")
    for (kind, comes_back), found in sorted(rows.items()):
        done = sum(answer == "done" for answer, _, _ in found)
        bad = sum(bool(fault) for _, fault, _ in found)
        wrong += bad
        cut = sum(cuts > 0 for _, _, cuts in found)
        line = "comes back" if comes_back else "stays dead"
        print(f"| {kind} | {line} | {len(found)} | {cut} | {done} | {len(found) - done} | {bad} |")
    total = sum(map(len, rows.values()))
    print(f"\n{total - wrong} of {total} end with the right bytes or a clear error, none by halves")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

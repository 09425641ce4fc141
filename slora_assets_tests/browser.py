"""A real browser over its debugging protocol; tests that need one are skipped where there is no
Chromium, or nothing to speak to it with."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from slora_assets_tests.waiting import PATIENCE_S, wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or find_spec("websockets") is None,
    reason="the page is driven in a real browser, and neither chromium nor google-chrome is on the"
    " PATH, or websockets isn't there to speak to it; remedy: install one (`apt-get install"
    " chromium`), and slora with its extra `dev`",
)


class Browser:
    """One tab."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [
                str(CHROMIUM),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        from websockets.sync.client import connect

        self._numbers, self.events = count(1), list[dict[str, Any]]()
        try:
            self._socket = connect(self._address(folder / "DevToolsActivePort"), max_size=None)
            for domain in ("Page", "Network", "Runtime", "Log"):
                self.do(f"{domain}.enable")
        except BaseException:
            self._process.kill()
            raise

    def do(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (said := json.loads(self._socket.recv(timeout=PATIENCE_S))).get("id") != number:
            self.events.append(said)
        assert "error" not in said, said
        return said["result"]

    def js(self, expression: str) -> Any:
        found = self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        wait_for(lambda: self.js(expression), expression)

    def press(self, key: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.do("Input.dispatchKeyEvent", type=kind, key=key)

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=PATIENCE_S)

    def _address(self, file: Path) -> str:
        wait_for(lambda: file.is_file() and "\n" in file.read_text(), "Chromium's start")
        port = file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            tabs = json.load(answer)
        return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")

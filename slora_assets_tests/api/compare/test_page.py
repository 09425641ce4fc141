"""The comparison's page in a real browser, over its debugging protocol; skipped where there is no
Chromium or Chrome, or nothing to speak to it with."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from api.compare.app import create_app
from slora_assets.config.workspace import Workspace
from slora_assets.validation.preferences.choices import read_choices
from slora_assets.validation.preferences.samples import sample_pairs
from slora_assets_tests.judged_runs import judged_workspace

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip(
        "the page is driven in a real browser, and neither chromium nor google-chrome is on the"
        " PATH; remedy: install one (`apt-get install chromium`)",
        allow_module_level=True,
    )
connect = pytest.importorskip(
    "websockets.sync.client",
    reason="the browser is spoken to with websockets; remedy: install slora with its extra `dev`",
).connect

HOSTILE = "</script><img src=x onerror=\"document.title='taken'\"> <b>bold</b> " + "long" * 40
PROMPTS = {"harbour": [HOSTILE, "a boat", "a ship", "a quay"]}
_PATIENCE_S = 30.0


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
        while (said := json.loads(self._socket.recv(timeout=_PATIENCE_S))).get("id") != number:
            self.events.append(said)
        assert "error" not in said, said
        return said["result"]

    def js(self, expression: str) -> Any:
        found = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not self.js(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.05)

    def press(self, key: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.do("Input.dispatchKeyEvent", type=kind, key=key)

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=_PATIENCE_S)

    def _address(self, file: Path) -> str:
        deadline = time.monotonic() + _PATIENCE_S
        while not (file.is_file() and "\n" in file.read_text()):
            assert time.monotonic() < deadline, "Chromium doesn't start"
            time.sleep(0.1)
        port = file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            tabs = json.load(answer)
        return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    found = Browser(tmp_path / "profile")
    try:
        yield found
    finally:
        found.close()


@contextmanager
def served(workspace: Workspace) -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(workspace, sample_pairs(workspace, "harbour")), log_level="warning"
        )
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_a_person_goes_through_by_keys_and_back_and_nothing_comes_from_elsewhere(
    browser: Browser, tmp_path: Path
) -> None:
    workspace = judged_workspace(tmp_path / "workspace", PROMPTS)
    with served(workspace) as address:
        browser.do(
            "Emulation.setDeviceMetricsOverride",
            width=390,
            height=800,
            deviceScaleFactor=1,
            mobile=False,
        )
        browser.do("Page.navigate", url=address)
        browser.wait("document.readyState === 'complete' && Boolean(document.forms.length)")
        browser.js("$('person').value = ' Ada  L '; $('who').requestSubmit()")
        shown = []
        for position, key in enumerate(("ArrowLeft", "ArrowDown", "ArrowRight", "ArrowLeft")):
            browser.wait(f"view?.position === {position} && ready")
            browser.wait("clips.every((clip) => !clip.paused || clip.ended)")
            shown.append(browser.js("$('prompt').textContent"))
            assert browser.js("document.documentElement.scrollWidth <= innerWidth")
            browser.press(key)
        browser.wait("view.position === 4 && !$('end').hidden")
        browser.press("b")
        browser.wait("view?.position === 3 && ready")
        assert browser.js("document.querySelector('[aria-pressed=true]').dataset.pressed") == "left"
        browser.press("ArrowRight")
        browser.wait("!$('end').hidden")
        assert sorted(shown) == sorted(PROMPTS["harbour"])
        assert browser.js("document.title").startswith("slora")
        asked = [e for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        addresses = [e["params"]["request"]["url"] for e in asked]
        # The browser draws its players with pictures of its own.
        assert [x for x in addresses if not x.startswith((f"{address}/", "data:"))] == []
    errors = [
        e for e in browser.events if e["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")
    ]
    assert errors == []
    lines = read_choices(workspace.comparisons("harbour"))
    assert [line.pressed for line in lines] == ["left", "no_difference", "right", "left", "right"]
    assert {line.person for line in lines} == {"Ada L"}

"""The comparison's page in a real browser, over its debugging protocol; skipped where there is no
Chromium or Chrome, or nothing to speak to it with."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from api.compare.app import create_app
from slora_assets.config.workspace import Workspace
from slora_assets.validation.preferences.choices import read_choices
from slora_assets.validation.preferences.samples import sample_pairs
from slora_assets_tests.browser import Browser, needs_browser
from slora_assets_tests.judged_runs import judged_workspace

pytestmark = needs_browser

HOSTILE = "</script><img src=x onerror=\"document.title='taken'\"> <b>bold</b> " + "long" * 40
PROMPTS = {"harbour": [HOSTILE, "a boat", "a ship", "a quay"]}


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

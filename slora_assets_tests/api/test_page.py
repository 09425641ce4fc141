"""The page at `/` in a real browser: a clip, a refusal, a reload, a cancelled job."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets_tests.browser import Browser, needs_browser

pytestmark = needs_browser


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    app = create_app(ApiSettings(workspace, preview=True, device="cpu"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def opened(browser: Browser, address: str, width: int = 390) -> None:
    browser.do(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=800,
        deviceScaleFactor=1,
        mobile=False,
    )
    browser.do("Page.navigate", url=address)
    browser.wait("document.readyState === 'complete' && scenarios.length > 0")


def ask(browser: Browser, prompt: str, scenario: str = "market_floor") -> None:
    browser.js(
        f"$('scenario').value = '{scenario}'; about(); $('prompt').value = '{prompt}';"
        "$('form').requestSubmit()"
    )


def faults(browser: Browser) -> list[object]:
    return [one for one in browser.events if one["method"] == "Runtime.exceptionThrown"]


def test_a_clip_is_made_shown_and_still_there_after_a_reload(
    browser: Browser, address: str
) -> None:
    opened(browser, address)
    ask(browser, "a red cart")
    browser.wait("!$('result').hidden && $('clip').readyState >= 2")
    assert browser.js("$('message').textContent") == ""
    assert not browser.js("$('cancel').checkVisibility()")
    assert browser.js("$('score').textContent").startswith("Temporal score: ")
    facts = browser.js("$('facts').textContent")
    assert "Motion" in facts and "shorter sides a second" in facts and "Marked" in facts
    assert browser.js("$('clip').style.imageRendering") == "pixelated"
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    kept = browser.js("location.href")
    assert "#video_" in kept
    browser.do("Page.navigate", url="about:blank")
    browser.do("Page.navigate", url=kept)
    # Until the page's own script has run there is neither the element nor `$`.
    browser.wait("document.getElementById('result')?.hidden === false && $('clip').readyState >= 2")
    assert "a red cart" in browser.js("$('list').textContent")
    asked = [e for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    addresses = [e["params"]["request"]["url"] for e in asked]
    assert [x for x in addresses if not x.startswith((f"{address}/", "data:", "about:"))] == []
    assert faults(browser) == []


def test_a_refusal_is_said_and_leaves_no_older_clip(browser: Browser, address: str) -> None:
    opened(browser, address)
    ask(browser, "a red cart")
    browser.wait("!$('result').hidden")
    browser.js("$('path').value = '/etc/passwd'")
    ask(browser, "a blue cart")
    browser.wait("$('message').className === 'wrong'")
    assert "not the adapter of market_floor" in browser.js("$('message').textContent")
    assert browser.js("$('result').hidden")
    assert faults(browser) == []


def test_a_long_job_shows_its_progress_and_is_cancelled(browser: Browser, address: str) -> None:
    opened(browser, address)
    # A clip of as many steps as the presets allow takes long enough to press the button.
    started = browser.js(
        "fetch('/v1/videos', {method: 'POST', headers: {'Content-Type': 'application/json'},"
        " body: JSON.stringify({prompt: 'a slow cart', scenario: 'market_floor',"
        " num_inference_steps: 100})}).then((a) => a.json()).then((job) => {"
        " location.hash = job.id; }), true"
    )
    assert started
    browser.wait("$('cancel').checkVisibility() && $('progress').value > 0")
    browser.js("$('cancel').click()")
    browser.wait("$('message').textContent === 'Cancelled.' && !$('cancel').checkVisibility()")
    browser.wait("$('list').textContent.includes('cancelled')")
    assert faults(browser) == []

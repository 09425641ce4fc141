"""Both pages in a real browser: they ask nobody for anything, play, fit and can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slora_assets.reports.project_report import write_project_report
from slora_assets_tests.browser import Browser, needs_browser
from slora_assets_tests.reports.made import (
    add_metadata,
    add_nearest,
    add_sweep,
    prompts_of,
    report_of,
    reported_workspace,
)
from slora_assets_tests.reports.made_parts import TEXTS

pytestmark = needs_browser

HOSTILE = "</h3><script>document.title='taken'</script><img src=x onerror=\"document.title='t'\">"
CLIP_ID = "<img src=x onerror=document.title='taken'>&\"'"
_FAINT = """
(() => {
  const shade = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => {
      const part = v / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const texts = [...element.childNodes].filter((one) => one.nodeType === 3);
    if (!texts.some((one) => one.data.trim()) || !element.checkVisibility()) continue;
    if (element.closest("script")) continue;
    const style = getComputedStyle(element);
    const ink = parts(element.closest("svg") ? style.fill : style.color);
    const [one, other] = [shade(ink), shade(ground(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) faint.push([element.textContent.trim().slice(0, 40), ratio]);
  }
  return faint;
})()
"""


def pages(root: Path) -> list[Path]:
    """The page of a run with hostile texts, and the project's."""
    texts = [HOSTILE, "x" * 300, *TEXTS[2:]]
    workspace = reported_workspace(root, texts, CLIP_ID, worse_by=0.02)
    add_nearest(workspace, CLIP_ID)
    add_sweep(workspace)
    add_metadata(workspace)
    return [report_of(workspace), write_project_report(workspace, prompts_of(workspace))]


def show(browser: Browser, page: Path, width: int, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.do("Emulation.setEmulatedMedia", features=features)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.do("Emulation.setDeviceMetricsOverride", **size)
    browser.do("Page.navigate", url=page.as_uri())
    browser.wait("document.readyState === 'complete' && Boolean(document.images.length + 1)")


def happened(browser: Browser, *methods: str) -> list[dict[str, Any]]:
    return [event for event in browser.events if event["method"] in methods]


def test_nothing_is_fetched_nothing_goes_wrong_and_nothing_is_wider_than_a_phone(
    browser: Browser, tmp_path: Path
) -> None:
    for page in pages(tmp_path / "workspace"):
        for width in (390, 1280):
            show(browser, page, width, "light")
            browser.js("document.querySelectorAll('details').forEach((one) => (one.open = true))")
            assert browser.js("document.documentElement.scrollWidth <= innerWidth"), page
            assert browser.js("document.title").startswith("slora: ")
            assert browser.js("document.scripts.length") == 1
        browser.wait("[...document.images].every((one) => one.naturalWidth > 0)")
    asked = happened(browser, "Network.requestWillBeSent")
    addresses = [event["params"]["request"]["url"] for event in asked]
    assert [one for one in addresses if not one.startswith(("file:", "data:"))] == []
    assert sum(one.startswith("file:") for one in addresses) == 4
    wrong = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
    assert happened(browser, *wrong) == []


def test_every_clip_plays_when_all_are_asked_to(browser: Browser, tmp_path: Path) -> None:
    for page in pages(tmp_path / "workspace"):
        show(browser, page, 1280, "light")
        browser.js("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert browser.js("document.querySelectorAll('video').length") in (40, 3)
        assert browser.js("[...document.querySelectorAll('video')].every((one) => one.paused)")
        browser.js("document.getElementById('play').click()")
        playing = "one.readyState >= 2 && one.videoWidth === 96 && !one.paused && one.muted"
        browser.wait(f"[...document.querySelectorAll('video')].every((one) => {playing})")
        browser.js("document.getElementById('play').click()")
        assert browser.js("[...document.querySelectorAll('video')].every((one) => one.paused)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(browser: Browser, tmp_path: Path, scheme: str) -> None:
    grounds = set()
    for page in pages(tmp_path / "workspace"):
        show(browser, page, 1280, scheme)
        browser.js("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert browser.js(_FAINT) == []
        grounds.add(browser.js("getComputedStyle(document.body).backgroundColor"))
    assert grounds == {"rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 26)"}

"""The page at `/` for those who see little, use no mouse, or want nothing to move."""

from __future__ import annotations

from slora_assets_tests.api.browsing import ask, faults, opened, seen
from slora_assets_tests.browser import Browser, needs_browser

pytestmark = needs_browser

CONTRAST = """
(() => {
  const parts = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
  };
  const said = (one) => [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
    || ['INPUT', 'TEXTAREA'].includes(one.tagName);
  return [...document.querySelectorAll('body, body *')]
    .filter((one) => said(one) && one.checkVisibility({ visibilityProperty: true }))
    .map((one) => {
      const [a, b] = [light(parts(getComputedStyle(one).color)), light(ground(one))];
      return { text: one.textContent.slice(0, 40), is: one.tagName + '.' + one.className,
               ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) };
    });
})()
"""


def tab(browser: Browser) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        browser.do(
            "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
        )


def test_everything_can_be_read_in_both_modes_and_has_a_name(browser: Browser, page: str) -> None:
    opened(browser, page)
    browser.js("$('beside').click()")
    ask(browser, "a red cart")
    seen(browser)
    browser.wait("document.querySelector('.view.wiped') !== null")
    browser.wait("$('clips').children.length && $('requests').children.length")
    for mode in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": mode}
        browser.do("Emulation.setEmulatedMedia", features=[feature])
        browser.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        browser.js("$('refusal').hidden = false; $('refusal').textContent = 'No.'")
        browser.js("$('work').hidden = false; $('empty').hidden = false; $('key-dialog').show()")
        found = browser.js(CONTRAST)
        assert len(found) > 100
        assert [one for one in found if one["ratio"] < 4.5] == []
        browser.js("$('key-dialog').close()")
        assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    browser.js("$('asked').style.color = '#777'")  # and the measure itself sees too little of it
    assert [one["text"] for one in browser.js(CONTRAST) if one["ratio"] < 4.5] == ["a red cart"]
    nodes = browser.do("Accessibility.getFullAXTree")["nodes"]
    named = ("button", "checkbox", "link", "radio", "slider", "textbox", "image", "region")
    parts = [one for one in nodes if one.get("role", {}).get("value") in named]
    assert len(parts) > 30
    assert [one for one in parts if not one.get("name", {}).get("value")] == []


def test_the_keyboard_reaches_everything_and_motion_waits_for_it(
    browser: Browser, page: str
) -> None:
    opened(browser, page, width=1280)
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    browser.do("Emulation.setEmulatedMedia", features=[still])
    browser.js("$('prompt').focus(); $('prompt').value = 'a red cart'")
    browser.press("Enter")
    seen(browser)
    assert browser.js("$('clip').paused && $('play').textContent === 'Play'")
    browser.js("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached, unseen = set(), []
    for _ in range(60):
        tab(browser)
        where, outlined = browser.js(
            "(() => { const one = document.activeElement;"
            " const ring = one.closest('.card') ?? one;"
            " return [one.id || one.name || one.innerText,"
            " getComputedStyle(ring).outlineStyle !== 'none'] })()"
        )
        reached.add(where)
        unseen += [] if outlined or one_of_the_window(where) else [where]
    wanted = {"scenario", "prompt", "scale", "seed", "another", "beside", "send", "More of them"}
    assert wanted | {"play", "next", "place", "download", "base-now", "Advanced"} <= reached
    assert unseen == []
    assert faults(browser) == []


def one_of_the_window(name: str) -> bool:
    """Past the last element the focus is the window's, and nothing of the page has it."""
    return name.startswith("slora review studio") or not name

"""What tests of the page at `/` do there in a browser."""

from __future__ import annotations

from slora_assets_tests.browser import Browser


def opened(browser: Browser, page: str, width: int = 390, before: str = "") -> None:
    browser.do(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=800,
        deviceScaleFactor=1,
        mobile=False,
    )
    source = f"window.$ = (id) => document.getElementById(id); {before}"
    browser.do("Page.addScriptToEvaluateOnNewDocument", source=source)
    browser.do("Page.navigate", url=page)
    browser.wait("document.readyState === 'complete' && document.body.dataset.ready === 'yes'")


def choose(browser: Browser, scenario: str) -> None:
    browser.js(f"document.querySelector('input[name=scenario][value={scenario}]').click()")


def ask(browser: Browser, prompt: str, scenario: str = "market_floor") -> None:
    choose(browser, scenario)
    browser.js(f"$('prompt').value = '{prompt}'; $('form').requestSubmit()")


def seen(browser: Browser) -> None:
    browser.wait("!$('result').hidden && $('clip').readyState >= 2")


def faults(browser: Browser) -> list[object]:
    return [one for one in browser.events if one["method"] == "Runtime.exceptionThrown"]

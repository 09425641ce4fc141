"""The contract as a page, in a real browser: it shows every route and asks no other host."""

from __future__ import annotations

import threading
import time

import uvicorn
from fastapi import FastAPI

from slora_assets_tests.browser import Browser, needs_browser


@needs_browser
def test_the_page_shows_every_route_and_tries_one_out(app: FastAPI, browser: Browser) -> None:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        browser.do("Page.navigate", url=f"{address}/docs")
        browser.wait("document.querySelectorAll('.opblock').length > 0")
        shown = browser.js("document.body.textContent")
        for path in app.openapi()["paths"]:
            assert path in shown.replace("\u200b", ""), path
        press = "document.querySelector('#operations-health-live_livez_get {}').click()"
        browser.js(press.format(".opblock-summary-control"))
        for button in (".try-out__btn", ".execute"):
            browser.wait(f"!!document.querySelector('#operations-health-live_livez_get {button}')")
            browser.js(press.format(button))
        browser.wait(
            "document.querySelector('.live-responses-table')?.textContent.includes('live')"
        )
        asked = [e for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        addresses = {e["params"]["request"]["url"] for e in asked}
        assert not [x for x in addresses if not x.startswith((f"{address}/", "data:", "about:"))]
        said = [e["params"]["entry"] for e in browser.events if e["method"] == "Log.entryAdded"]
        assert not [one["text"] for one in said if "Content Security" in one["text"]]
    finally:
        server.should_exit = True
        thread.join()

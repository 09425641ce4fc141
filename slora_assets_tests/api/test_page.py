"""The page at `/` in a real browser: a clip, the base beside it, a refusal, a reload, a cancelled
job, keys."""

from __future__ import annotations

from slora_assets_tests.api.browsing import ask, choose, faults, opened, seen
from slora_assets_tests.browser import Browser, needs_browser

pytestmark = needs_browser


def test_a_clip_is_made_shown_and_still_there_after_a_reload(browser: Browser, page: str) -> None:
    opened(browser, page)
    ask(browser, "a red cart")
    seen(browser)
    assert browser.js("$('message').textContent").startswith("Finished in ")
    assert not browser.js("$('cancel').checkVisibility()")
    scores = browser.js("$('scores').textContent")
    assert "Temporal consistency0 to 1, higher is better" in scores
    assert "shorter sides of the picture a second, lower is better" in scores
    assert browser.js("$('verdict').textContent").startswith(
        "Inconclusive: the gate saw too little"
    )
    served = browser.js("fetch('/scenarios').then((a) => a.json())")
    [sha256] = [one["adapter_sha256"] for one in served if one["name"] == "market_floor"]
    facts = browser.js("$('facts').innerText")
    assert sha256[:12] in facts and sha256 not in facts  # whole only where it is unfolded
    assert sha256 in browser.js("$('facts').textContent") and "3" * 64 in browser.js(
        "$('facts').textContent"
    )
    assert "Apache-2.0: " in facts and "commercial use" in facts and "as generated, by" in facts
    assert browser.js("getComputedStyle($('clip')).imageRendering") == "pixelated"
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    kept = browser.js("location.href")
    assert "#video_" in kept
    browser.do("Page.navigate", url="about:blank")
    browser.do("Page.navigate", url=kept)
    # Until the page's own script has run there is neither the element nor what it says.
    browser.wait("document.getElementById('result')?.hidden === false && $('clip').readyState >= 2")
    browser.wait("$('requests').textContent.includes('a red cart')")
    browser.js("$('clips').scrollIntoView()")
    browser.wait("$('clips').querySelector('img')?.naturalWidth > 0")
    asked = [e for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    addresses = [e["params"]["request"]["url"] for e in asked]
    assert [x for x in addresses if not x.startswith((f"{page}/", "data:", "about:"))] == []
    assert faults(browser) == []


def test_cards_show_what_each_scenario_may_do_and_why_not(browser: Browser, page: str) -> None:
    opened(browser, page, width=1280)
    cards = browser.js("[...document.querySelectorAll('.card')].map((one) => one.innerText)")
    told = {card.splitlines()[0]: card for card in cards}
    assert "Promoted" in told["Market floor"] and "a person let it through" in told["Market floor"]
    assert "Strength 0 to 1.5" in told["Market floor"] and "Preview" in told["Street"]
    assert "Not served" in told["Sports field"] and "is fail" in told["Sports field"]
    browser.wait("document.querySelector('.promoted img').naturalWidth > 0")
    assert browser.js("document.querySelector('.promoted img').alt").startswith(
        "A frame of a judged"
    )
    choose(browser, "sports_field")
    assert "Train a better one." in browser.js("$('about').textContent")
    assert browser.js("$('send').textContent") == "Generate with the base alone"
    assert browser.js("new FormData($('form')).get('lora_scale')") == "0"
    choose(browser, "kitchen")
    assert browser.js("$('send').textContent") == "Generate"
    assert browser.js("[$('scale').min, $('scale').max, $('scale').value].join()") == "0,1.5,0.85"
    browser.js(
        "[...$('judged').querySelectorAll('button')].find((b) => /^0.5 /.test(b.innerText)).click()"
    )
    assert browser.js("$('strength').textContent") == "0.5"
    browser.js("$('examples').querySelector('button').click()")
    assert browser.js("$('prompt').value") == "a red pan moving left in the kitchen"
    browser.js("$('another').click()")
    assert browser.js("Number.isInteger(Number($('seed').value)) && $('seed').value !== ''")
    assert faults(browser) == []


def test_the_base_beside_the_clip_has_its_seed_and_plays_in_step(
    browser: Browser, page: str
) -> None:
    opened(browser, page, width=1280)
    browser.js("$('beside').click(); $('seed').value = '7'")
    ask(browser, "a green cart")
    seen(browser)
    browser.wait("document.querySelector('.view.wiped') && $('base').readyState >= 2")
    ids = browser.js("location.hash.slice(1).split('+')")
    jobs = [browser.js(f"fetch('/v1/videos/{one}').then((a) => a.json())") for one in ids]
    assert [(one["seed"], one["lora_scale"]) for one in jobs] == [(7, 0.85), (7, 0)]
    assert browser.js("$('scores').querySelectorAll('thead th').length") == 3
    browser.wait("!$('clip').paused && !$('base').paused && $('clip').currentTime > 0")
    browser.js("$('play').click()")
    browser.js("$('next').click()")
    frame = int(browser.js("$('frame').textContent").split()[0])
    browser.wait("$('clip').currentTime === $('base').currentTime && !$('clip').seeking")
    browser.js("$('next').click()")
    assert (
        int(browser.js("$('frame').textContent").split()[0])
        == frame % jobs[0]["result"]["frames"] + 1
    )
    browser.wait("$('clip').currentTime === $('base').currentTime && !$('base').seeking")
    browser.js("$('wipe').value = 20; $('wipe').dispatchEvent(new Event('input'))")
    shown = browser.js("getComputedStyle($('clip').parentElement).clipPath")
    assert shown == "inset(0px 0px 0px 20%)"
    choose(browser, "kitchen")
    browser.js("$('likewise').click()")
    form = "new FormData($('form'))"
    assert browser.js(f"[...{form}].slice(0, 4).map(([, value]) => value).join()") == (
        "market_floor,a green cart,0.85,7"
    )
    browser.js("$('way').click()")
    assert browser.js(
        "$('clip').offsetLeft !== null && document.querySelector('.view.beside') !== null"
    )
    browser.js("location.hash = ''")
    browser.wait("$('result').hidden")
    browser.js(f"location.hash = '{ids[0]}+{ids[1]}'")  # kept, and passed on
    browser.wait("document.querySelector('.view.wiped') && $('base').readyState >= 2")
    assert faults(browser) == []


def test_what_an_earlier_request_brings_takes_no_newer_ones_place(
    browser: Browser, page: str
) -> None:
    opened(browser, page)
    ask(browser, "an early cart")
    browser.wait("location.hash.includes('video_')")
    early = browser.js("location.hash.slice(1)")
    browser.js("$('steps').value = '100'")
    ask(browser, "a late pan", "kitchen")
    browser.wait(f"location.hash !== '#{early}'")
    browser.wait("$('requests').innerText.includes('finished') && $('progress').value > 0")
    assert browser.js(f"fetch('/v1/videos/{early}').then((a) => a.json())")["status"] == "completed"
    assert browser.js("$('result').hidden && $('cancel').checkVisibility()")
    browser.js("$('cancel').click()")
    browser.wait("$('message').textContent === 'Cancelled.'")
    assert browser.js("$('result').hidden")
    assert faults(browser) == []


def test_a_refusal_is_a_sentence_with_its_remedy_and_leaves_no_older_clip(
    browser: Browser, page: str
) -> None:
    opened(browser, page)
    ask(browser, "a red cart")
    browser.wait("!$('result').hidden")
    browser.js("$('guidance').value = 'much'")
    ask(browser, "a blue cart")
    browser.wait("!$('refusal').hidden")
    said = browser.js("$('refusal').innerText")
    assert said.startswith("Guidance: not a number") and "Change it and send again." in said
    assert "422" not in said and "422" in browser.js("$('refusal').textContent")
    assert browser.js("$('result').hidden && !$('clip').hasAttribute('src')")
    assert browser.js(
        "$('guidance').ariaInvalid === 'true' && document.activeElement === $('guidance')"
    )
    browser.js("$('guidance').value = ''; $('steps').value = '0'; $('form').requestSubmit()")
    browser.wait("!$('refusal').hidden && $('refusal').innerText.startsWith('Steps: ')")
    assert browser.js("$('guidance').ariaInvalid") is None
    assert faults(browser) == []


def test_a_long_job_shows_its_progress_and_is_cancelled(browser: Browser, page: str) -> None:
    opened(browser, page)
    # A clip of as many steps as the presets allow takes long enough to press the button.
    browser.js("$('steps').value = '100'")
    ask(browser, "a slow cart")
    browser.wait("$('cancel').checkVisibility() && $('progress').value > 0")
    assert browser.js("$('message').textContent") == "Making the clip …"
    browser.js("$('cancel').focus(); $('cancel').click()")
    browser.wait("$('message').textContent === 'Cancelled.' && !$('cancel').checkVisibility()")
    assert browser.js("document.activeElement.id") == "stage-title"
    browser.wait("$('requests').textContent.includes('cancelled')")
    assert faults(browser) == []


def test_a_service_with_keys_is_asked_with_one(browser: Browser, page: str) -> None:
    # The service of these tests has no keys: what a service with some answers is put before it.
    guarded = """
    const real = window.fetch;
    window.fetch = (where, how = {}) =>
      new Headers(how.headers).get('Authorization') === 'Bearer right'
        ? real(where, how) : Promise.resolve(new Response('{}', { status: 401 }));
    """
    source = f"window.$ = (id) => document.getElementById(id); {guarded}"
    browser.do("Page.addScriptToEvaluateOnNewDocument", source=source)
    browser.do("Page.navigate", url=page)
    browser.wait("document.getElementById('key-dialog')?.open")
    browser.js("$('key').value = 'wrong'; $('key-form').querySelector('.first').click()")
    browser.wait("$('key-dialog').open && $('key-why').textContent.includes('take this key')")
    browser.js("$('key').value = 'right'; $('key-form').querySelector('.first').click()")
    browser.wait("document.body.dataset.ready === 'yes'")
    browser.js("$('prompt').value = 'a red cart'; $('form').requestSubmit()")
    seen(browser)
    assert browser.js("$('clip').src").startswith("blob:")
    assert browser.js("sessionStorage.length") == 1 and "right" not in browser.js(
        "JSON.stringify(localStorage)"
    )
    assert faults(browser) == []

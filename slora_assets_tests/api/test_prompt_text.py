"""Prompts in anybody's script, from anybody's client: accepted, made regular as captions are."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from api.form import GenerateForm
from slora_assets_tests.api.refused import VALID, refused

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a red\u00a0car", "a red car"),
        ("赤い\u3000車", "赤い 車"),
        ("a car 👨\u200d👩\u200d👧", "a car 👨\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("une voiture\u202f!", "une voiture !"),
        ("\u200fسيارة", "سيارة"),
        ("a car\u00adpet", "a carpet"),
        ("\ufeffa car", "a car"),
        ("a\u2028car", "a car"),
        ("a car \U0001fae9", "a car \U0001fae9"),
        ("a cafe\u0301", "a café"),
        ("क्\u200dष", "क्\u200dष"),
        ("a\u200dcar\u2060", "acar"),
        ("flag 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",) * 2,
        (" a car\r\n  at night. ", "a car at night."),
    ],
)
def test_a_prompt_is_accepted_and_made_regular(sent: str, kept: str) -> None:
    assert GenerateForm(prompt=sent, scenario="street").prompt == kept


@pytest.mark.parametrize(
    "sent", ["\u200b \u00a0", "\ufeff", "a\ue000", "a\uffff", "a\x85\x07", "�"]
)
def test_what_says_nothing_or_nobody_types_is_refused(client: TestClient, sent: str) -> None:
    problem = refused(client.post("/generate", data={**VALID, "prompt": sent}), 422)
    assert [one["field"] for one in problem["errors"]] == ["prompt"]


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ("prompt=café".encode(), "café"),
        ("prompt=a man’s+car".encode(), "a man’s car"),
        (b"prompt=caf%C3%A9", "café"),
        ("prompt=caf%C3%A9 é".encode(), "café é"),
    ],
)
def test_a_form_with_bytes_that_are_not_escaped_says_what_was_typed(
    client: TestClient, body: bytes, prompt: str
) -> None:
    sent = b"scenario=market_floor&" + body
    headers = FORM | {"Prefer": "respond-async"}
    answer = client.post("/generate", content=sent, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.json()["prompt"] == prompt
    client.delete(answer.headers["location"])


def test_a_form_in_latin_1_is_told_so(client: TestClient) -> None:
    sent = "scenario=market_floor&prompt=café".encode("latin-1")
    problem = refused(client.post("/generate", content=sent, headers=FORM), 422)
    assert "UTF-8" in problem["detail"]

"""Text of any origin becomes regular, and texts that say the same fold to the same."""

from __future__ import annotations

import codecs
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.config.text import clean, decode, fold, tidy, unwelcome, words

ANY = st.text(st.characters(codec=None, exclude_categories=()))
"""Halves of surrogate pairs among them."""


@pytest.mark.parametrize(
    "data",
    [
        "a café".encode(),
        codecs.BOM_UTF8 + "a café".encode(),
        "a café".encode("utf-16"),
        codecs.BOM_UTF16_BE + "a café".encode("utf-16-be"),
        "a café".encode("utf-32"),
    ],
)
def test_a_byte_order_mark_says_the_encoding_and_is_no_text(data: bytes) -> None:
    assert decode(data) == "a café"


def test_latin_1_is_not_guessed() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode("café".encode("latin-1"))


@given(ANY)
def test_a_clean_text_is_composed_visible_and_stays_as_it_is(text: str) -> None:
    found = clean(text)
    assert clean(found) == found
    assert unicodedata.is_normalized("NFC", found)
    assert not unwelcome(found)
    found.encode()


@given(ANY)
def test_a_tidy_text_is_one_line_without_ends(text: str) -> None:
    assert tidy(text) == " ".join(tidy(text).split())


@given(st.text(st.characters(max_codepoint=126, min_codepoint=32)))
def test_plain_ascii_stays_to_the_letter(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("farmer's", "FARMER\u2019S"),
        ("farmer's", "farmer`s"),
        ("street-market", "street\u2011market"),
        ("street-market", "street\u2013market"),
        ("café", "CAFE\u0301"),
        ("market", "ＭＡＲＫＥＴ"),
        ("fish", "ﬁsh"),
        ("market", "mar\u00adket"),
        ("market", "mar\u2060ket"),
        ("straße", "STRASSE"),
        ("می‌خواهم", "میخواهم"),
        ("❤", "❤\ufe0f"),
        ("a market", "a\u00a0market"),
        ("a market", "a\u3000market"),
    ],
)
def test_texts_that_say_the_same_fold_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(ANY | st.text("aB1 _-'.\tß\u00a0"))
def test_the_words_of_a_text_are_its_runs_of_letters_and_figures(text: str) -> None:
    assert words(text) == re.findall(r"\w+", text.casefold())

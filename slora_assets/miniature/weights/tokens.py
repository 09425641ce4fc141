"""The tokenizer of base and scorer: one token per vocabulary word, letters for everything else."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from slora_assets.miniature.weights.architecture import TEXT_LENGTH
from slora_assets.miniature.weights.vocabulary import words

if TYPE_CHECKING:
    from transformers import T5Tokenizer

_SPACE = "▁"
_WORD_SCORE = -5.0
_LETTER_SCORE = -12.0
"""Below half a word's score, so that no spelling out ever beats the word itself."""


def pieces() -> list[tuple[str, float]]:
    """The Unigram table: specials, whole words (also capitalised), then every printable ASCII."""
    known = words()
    capitalised = [word.capitalize() for word in known]
    table = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), (_SPACE, _LETTER_SCORE)]
    table += [(_SPACE + word, _WORD_SCORE) for word in known]
    table += [(_SPACE + word, _WORD_SCORE - 0.1) for word in capitalised]
    letters = string.ascii_letters + string.digits + string.punctuation
    return table + [(letter, _LETTER_SCORE) for letter in letters]


def tokenizer() -> T5Tokenizer:
    """The T5 tokenizer over `pieces`, without sentinel tokens."""
    from transformers import T5Tokenizer

    return T5Tokenizer(vocab=pieces(), extra_ids=0, model_max_length=TEXT_LENGTH)

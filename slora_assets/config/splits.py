"""The words that datasets have for their splits, and the one word that each means here."""

from __future__ import annotations

from typing import Final, Literal

from slora_assets.config.text import fold, tidy

OfficialSplit = Literal["train", "validate", "test"]

_WORDS: Final[dict[str, OfficialSplit]] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("validate", "validation", "val", "valid", "vali"), "validate"),
    **dict.fromkeys(("dev", "devel", "development"), "validate"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
KNOWN_SPLITS: Final = ", ".join(_WORDS)


def official_split(word: object) -> OfficialSplit | None:
    """The split that an annotation's word means; None where it says nothing.

    Raises ValueError for anything else: what nobody understands may be a held-out part.
    """
    if word is None:
        return None
    if not isinstance(word, str):
        raise ValueError("a split that is no word")
    said = fold(tidy(word))
    if said and said not in _WORDS:
        raise ValueError("a word that is no split")
    return _WORDS.get(said)

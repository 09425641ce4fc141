"""What the miniature is: its architecture, vocabulary and tokenizer, and the files that ship."""

from pathlib import Path
from typing import Final

SHIPPED: Final = Path(__file__).resolve().parent
"""Holds `base/` and `scorer/`, each with `slora.json` and what its weights were made from."""

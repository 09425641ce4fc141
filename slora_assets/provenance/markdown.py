"""Text of others in Markdown that people read."""

from __future__ import annotations

import re


def markdown_cell(value: object) -> str:
    """Text that can't break out of its table's cell or become markup, a line or a link."""
    text = " ".join(str(value).splitlines())
    return re.sub(r"([|<>`*\\\[\]])", r"\\\1", text) if text != "---" else text

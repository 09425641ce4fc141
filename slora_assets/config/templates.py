"""Templates of prompts: words with places in braces, and nothing else that Python's formatting
knows."""

from __future__ import annotations

from collections.abc import Collection
from string import Formatter

from slora_assets.config.text import tidy


def checked_template(template: str, places: Collection[str]) -> str:
    """The template, if it can be filled. Raises ValueError for a blank one, for a brace alone and
    for a place that isn't one of `places`."""
    known = " and ".join(f"{{{place}}}" for place in places)
    if not tidy(template):
        raise ValueError("a template is blank")
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(
            f"template {template!r} has a brace alone ({error}); known are {known}, and a brace"
            " that stands for itself is doubled"
        ) from error
    for _, place, spec, conversion in parts:
        if place is not None and (place not in places or spec or conversion):
            said = f"{place}{f'!{conversion}' if conversion else ''}{f':{spec}' if spec else ''}"
            raise ValueError(
                f"template {template!r} has unknown placeholders {[said]}; known are {known}"
            )
    return template

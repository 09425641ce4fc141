"""Templates become one file that asks nobody for anything: styles, script, clips and charts inside.

Whatever is shown was written by others: Jinja escapes all of it, and the page's own policy lets
nothing run but its script and nothing load but its data.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from slora_assets.reports.charts.marks import Chart
from slora_assets.reports.metrics import plain
from slora_assets.validation.metrics.naming import metric_of

_WEB: Final = Path(__file__).with_name("web")

LIMIT_BYTES: Final = 15_000_000
"""Of a page."""


def page(template: str, **shown: object) -> str:
    """The page of a template, whole."""
    style, script = (_own(name) for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)};"
        " img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )
    made = _environment().get_template(template)
    # Both are files of this package, and hold no end of their elements.
    return made.render(style=Markup(style), script=Markup(script), policy=policy, **shown)


def chart_svg(chart: Chart) -> str:
    """A chart as a file of its own, in light colours."""
    return _environment().get_template("chart.svg").render(one=chart)


def within_limit(made: Callable[[int], str]) -> str:
    """The page that `made` makes of the largest budget of characters for its clips with which it
    stays below `LIMIT_BYTES`; of none where all else is larger already."""
    budget = LIMIT_BYTES - len(made(0).encode())
    while budget > 0:
        text = made(budget)
        over = len(text.encode()) - LIMIT_BYTES
        if over <= 0:
            return text
        budget -= over
    return made(0)


def number(value: float | None, form: str = ".4g") -> str:
    """A number as a table shows it."""
    return "–" if value is None else format(value, form).replace("-", "−")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_WEB),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "plain": plain, "label": lambda name: metric_of(name).label}
    return made


@cache
def _own(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

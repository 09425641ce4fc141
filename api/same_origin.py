"""Refuses forms that pages of other sites send. What is no browser says nothing of sites."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from api.errors import ForeignOrigin


def refuse_foreign(headers: Mapping[str, str]) -> None:
    """Raises ForeignOrigin by what the browser says of the page: its site, or in browsers that
    don't tell sites, its origin. `null` is nobody's origin."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        foreign = site not in ("none", "same-origin")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if foreign:
        raise ForeignOrigin("A browser says that another site's page sent this.")

"""Refuses forms that pages of other sites send. What is no browser says nothing of sites."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from api.errors import ForeignOrigin


def refuse_foreign(headers: Mapping[str, str], welcome: Collection[str] = ()) -> None:
    """Raises ForeignOrigin by what the browser says of the page: its site, or in browsers that
    don't tell sites, its origin. `null` is nobody's origin; those that are `welcome` may."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if origin is not None and origin in welcome:
        return
    if site is not None:
        foreign = site not in ("none", "same-origin")
    else:
        foreign = origin is not None and _place(origin) != headers.get("host", "")
    if foreign:
        raise ForeignOrigin("A browser says that another site's page sent this.")


def _place(origin: str) -> str | None:
    """Host and port; None for what is no address."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None

"""What the comparison refuses beside what the service does."""

from __future__ import annotations

from api.errors import ApiError


class NoSuchPair(ApiError):
    """No pair, clip or place of the comparison has this name."""

    status = 404
    slug = "not-found"
    title = "There is no such pair"


class SamplesChanged(ApiError):
    """The samples on disk are others than when the comparison began."""

    status = 409
    slug = "samples-changed"
    title = "The samples have changed"

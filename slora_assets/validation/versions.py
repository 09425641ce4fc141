"""Versions of the code that judges: a verdict stands only for those that it was given by."""

from __future__ import annotations

from typing import Final

TEMPORAL_VERSION: Final = 4
"""Raise it when a change of the code changes what is measured on a clip."""

VALIDATION_VERSION: Final = 5
"""Raise it when a change of the code changes a verdict on clips that are measured alike."""

JUDGED_BY: Final = f"{VALIDATION_VERSION}.{TEMPORAL_VERSION}"
"""Both: of verdicts and sweeps, for Dagster."""

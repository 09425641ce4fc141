"""The standards that a run can be told in."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """As `slora export --format` names them."""

    CROISSANT = "croissant"
    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"
    EU_SUMMARY = "eu-summary"
    OPENLINEAGE = "openlineage"
    MLFLOW = "mlflow"

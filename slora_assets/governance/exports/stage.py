"""Writes a run's exports into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from slora_assets.governance.exports import (
    croissant,
    cyclonedx,
    eu_summary,
    mlflow,
    openlineage,
    spdx,
)
from slora_assets.governance.exports.facts import Exported
from slora_assets.governance.exports.formats import Format
from slora_assets.provenance import write_text

_WRITERS: Final[Mapping[Format, tuple[str, Callable[[Exported], str]]]] = {
    Format.CROISSANT: (croissant.FILE, croissant.croissant),
    Format.CYCLONEDX: (cyclonedx.FILE, cyclonedx.cyclonedx),
    Format.SPDX: (spdx.FILE, spdx.spdx),
    Format.EU_SUMMARY: (eu_summary.FILE, eu_summary.eu_summary),
    Format.OPENLINEAGE: (openlineage.FILE, openlineage.openlineage),
    Format.MLFLOW: (mlflow.FILE, mlflow.mlflow),
}


def write_exports(run: Exported, formats: Iterable[Format], folder: Path) -> list[Path]:
    """A file per format; the same run gives the same bytes."""
    written = []
    for one in formats:
        name, text_of = _WRITERS[one]
        write_text(folder / name, text_of(run))
        written.append(folder / name)
    return written

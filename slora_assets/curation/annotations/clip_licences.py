"""Licences of single clips, where a dataset's footage is not all under one: lists beside the
annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from slora_assets.config.errors import ConfigError
from slora_assets.curation.annotations.listed import read_list
from slora_assets.curation.annotations.values import ValueFault, as_id, as_text

_COLUMNS: Final = ("video_id", "licence")


def read_clip_licences(files: list[Path]) -> dict[str, str]:
    """By clip id, the licences that CSV files with the columns `video_id` and `licence` list.

    Raises ConfigError for a clip with two licences, IntegrityError as `read_list` does.
    """
    listed: dict[str, tuple[str, Path]] = {}
    for path in files:
        of = {"what": "list of licences", "setting": "clip_licences"}
        for identity, licence in read_list(path, _COLUMNS, _licensed, **of):
            before, where = listed.setdefault(identity, (licence, path))
            if before != licence:
                raise ConfigError(
                    f"a clip has two licences; {where} has it under {before}",
                    file=path,
                    key=identity,
                    found=licence,
                    remedy="correct the lists under 'clip_licences' in the dataset's YAML",
                )
    return {identity: licence for identity, (licence, _) in listed.items()}


def _licensed(cells: list[str | None]) -> tuple[str, str]:
    identity, licence = as_id(cells[0]), as_text(cells[1])
    if licence is None:
        raise ValueFault(cells[1] or "", f"the licence of {identity}")
    return identity, licence

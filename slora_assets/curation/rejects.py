"""Every clip that no scenario gets, with its reason, as Parquet in parts."""

from __future__ import annotations

import filecmp
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from slora_assets.curation.sorting import OnRejects
from slora_assets.provenance import commit_folder, writing


@contextmanager
def rejects_folder(folder: Path) -> Iterator[OnRejects]:
    """Takes tables of `id`, `reason`, `detail`; they replace `folder` when the body ends well."""
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    partial.mkdir(parents=True)
    parts = count()
    try:
        with writing(folder):
            yield lambda table: table.write_parquet(partial / f"{next(parts):05d}.parquet")
            if not _equal(partial, folder):
                commit_folder(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _equal(folder: Path, other: Path) -> bool:
    """Whether two flat folders hold the same files."""
    names = sorted(path.name for path in folder.iterdir())
    if not other.is_dir() or names != sorted(path.name for path in other.iterdir()):
        return False
    return not any(filecmp.cmpfiles(folder, other, names, shallow=False)[1:])

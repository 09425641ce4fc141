"""A plain folder: beside each video its captions, as text or JSON of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.curation.annotations.batches import batches


def read_folder(folder: Path) -> Iterator[pl.DataFrame]:
    """`<clip>.txt` with a caption per line, or `<clip>.json` with `caption`, `captions` or a list.

    A JSON object may also say `source` (the video it was cut from) and `split`.
    """
    if not folder.is_dir():
        raise MissingInputError(
            "the folder does not exist", file=folder, remedy="correct 'annotations' in the dataset"
        )
    found: dict[str, dict[str, Any]] = {}
    for path in sorted([*folder.glob("*.txt"), *folder.glob("*.json")]):
        if path.stem in found:
            raise IntegrityError(
                "captions as text and as JSON for one clip",
                file=folder,
                key=path.stem,
                remedy="keep one of them",
            )
        found[path.stem] = _captions(path)
    yield from batches(
        {
            "id": list(found),
            "source_group": [str(said.get("source", name)) for name, said in found.items()],
            "captions": [said["captions"] for said in found.values()],
            "official_split": [said.get("split") for said in found.values()],
        }
    )


def _captions(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    try:
        if path.suffix == ".txt":
            return {"captions": [line for line in data.decode().splitlines() if line.strip()]}
        said = orjson.loads(data)
    except (UnicodeDecodeError, orjson.JSONDecodeError) as error:
        raise IntegrityError(f"can't be read ({error})", file=path) from error
    if isinstance(said, list):
        said = {"captions": said}
    if isinstance(said, dict) and isinstance(said.get("caption"), str):
        said = {**said, "captions": [said["caption"], *said.get("captions", [])]}
    captions = said.get("captions") if isinstance(said, dict) else None
    if not isinstance(captions, list) or not all(isinstance(one, str) for one in captions):
        raise IntegrityError(
            "no captions", file=path, key="captions", found=captions, expected="a list of texts"
        )
    return {**said, "captions": captions}

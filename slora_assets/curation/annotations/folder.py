"""A plain folder: beside each video its captions, as text or JSON of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from slora_assets.config.dataset_files import caption_files
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.curation.annotations.opened import document, text_of
from slora_assets.curation.annotations.rows import RawRow, clip_tables
from slora_assets.curation.annotations.values import shown

_KEYS = {"source_group": "source", "official_split": "split"}


def read_folder(folder: Path, max_share: float = 0.0) -> Iterator[pl.DataFrame]:
    """`<clip>.txt` with a caption per line, or `<clip>.json` with `caption`, `captions` or a list.

    A JSON object may also say `source` (the video it was cut from), `split` and `category`.
    """
    if not folder.is_dir():
        raise MissingInputError(
            "the folder does not exist", file=folder, remedy="correct 'annotations' in the dataset"
        )
    return clip_tables(folder, _clips(folder), max_share, _KEYS)


def _clips(folder: Path) -> Iterator[RawRow]:
    seen: set[str] = set()
    for path in caption_files(folder):
        if path.stem in seen:
            raise IntegrityError(
                "captions as text and as JSON for one clip",
                file=folder,
                key=path.stem,
                remedy="keep one of them",
            )
        seen.add(path.stem)
        try:
            yield _clip(path)
        except IntegrityError as error:
            place = f"{path.name}, line {error.line}" if error.line else path.name
            yield RawRow(place, {"id": path.stem}, error.what)


def _clip(path: Path) -> RawRow:
    if path.suffix.lower() == ".txt":
        lines = [line for line in text_of(path).splitlines() if line.strip()]
        return RawRow(path.name, {"id": path.stem, "captions": lines})
    said = document(path)
    if isinstance(said, list):
        said = {"captions": said}
    if not isinstance(said, dict):
        fault = f"found {shown(said)}, expected an object or a list of texts"
        return RawRow(path.name, {"id": path.stem}, fault)
    captions = said.get("captions", [] if "caption" in said else None)
    if said.get("caption") is not None and isinstance(captions, list):
        captions = [said["caption"], *captions]
    values = {name: said.get(key) for name, key in _KEYS.items()}
    return RawRow(
        path.name,
        values | {"id": path.stem, "captions": captions, "category": said.get("category")},
    )

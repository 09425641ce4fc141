"""Annotations made of each format's own grammar and of what people's files hold instead: one line
or a result, no clip lost without a word, none on the wrong side of the split, nothing outside.

`FUZZ_EXAMPLES=1000` tries so many files of each format.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slora_assets.config.data import DatasetSettings, ScenarioSettings, ScenariosSettings
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.sorting import build_metadata
from slora_assets.documents import FootageFile, Inventory, ScenarioMetadata
from slora_assets_tests.curation.grammars import MAKERS, ROWS

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
MARKET = ScenarioSettings(description="d", keywords=["market"], min_matching_captions=1)
SCENARIOS = ScenariosSettings(schema_version=1, scenarios={"market": MARKET})
HELD_OUT = {"test": {"test", "Test", "testing"}, "validation": {"val", "validate", "dev"}}
MAPPING = {
    "segments": "parts",
    "times": "t",
    "captions": "c",
    "source": "s",
    "split": "split",
}


def sorted_or_refused(
    root: Path, kind: str, source: str, share: float
) -> tuple[ScenarioMetadata, dict[str, str]] | None:
    """The metadata and the rejects' reasons, or None where it was refused in one line."""
    given = {"name": "d", "format": kind, "annotations": [source], "footage": "f", "licence": "l"}
    more = {"mapping": MAPPING} if kind == "timed_captions" else {}
    dataset = DatasetSettings.model_validate(
        given | {"use": "u", "max_reject_share": share, **more}
    )
    file = FootageFile(
        path="f", sha256="0", bytes_=1, width=1, height=1, fps=8.0, duration_s=None, codec="h264"
    )
    every = _Everything(file)
    inventory = Inventory.model_construct(dataset="d", annotations={}, files=every, rejects=[])
    workspace = Workspace(root, root, root / "d.yaml")
    rejects: list[pl.DataFrame] = []
    try:
        metadata = build_metadata(
            dataset,
            SCENARIOS,
            read_annotations(dataset, [root / source], {}),
            inventory,
            workspace,
            rejects.append,
        )
    except SloraError as error:
        assert "\n" not in str(error)
        assert source in str(error)
        return None
    return metadata, {one: why for part in rejects for one, why, _ in part.iter_rows()}


class _Everything(dict[str, FootageFile]):
    """A file for each clip."""

    def __init__(self, file: FootageFile) -> None:
        super().__init__()
        self._file = file

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> FootageFile:
        return self._file


def check(root: Path, rows: list[dict[str, Any]], found: Any, kind: str) -> None:
    metadata, rejects = found
    for clip in metadata.clips:
        for path in (clip.first_frame, clip.latent):
            assert (root / path).resolve().is_relative_to(root.resolve())
    ids = {clip.id: clip for clip in metadata.clips}
    known = [*ids, *rejects]
    for i, row in enumerate(rows):
        if row["odd_id"] is not None or (kind == "msvd" and not row["captions"]):
            continue
        if kind in ("panda70m", "timed_captions") and row["captions"] == []:
            continue
        mine = [one for one in known if one == f"c{i}" or one.startswith((f"c{i}.", f"c{i}_"))]
        assert mine, f"{row} is nowhere"
        if kind in ("msrvtt", "folder"):
            for split, words in HELD_OUT.items():
                if isinstance(row["split"], str) and row["split"] in words and f"c{i}" in ids:
                    assert ids[f"c{i}"].split in {split, "test"}
    sides: dict[str, set[str]] = {}
    for clip in metadata.clips:
        sides.setdefault(clip.source_group, set()).add(clip.split)
    assert all(len(found) == 1 for found in sides.values())


FUZZ = settings(max_examples=EXAMPLES, suppress_health_check=[*HealthCheck])


@pytest.mark.parametrize("kind", MAKERS)
@FUZZ
@given(rows=ROWS, share=st.sampled_from([0.2, 1.0]), packed=st.booleans())
def test_files_of_the_format_with_odd_values(
    kind: str, rows: list[dict[str, Any]], share: float, packed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "one" / "two"
        root.mkdir(parents=True)
        data = MAKERS[kind](rows).encode("utf-8", "surrogatepass")
        if packed and kind not in ("webvid", "panda70m"):
            data = gzip.compress(data)
        (root / "a.json.gz").write_bytes(data)
        found = sorted_or_refused(root, kind, "a.json.gz", share)
        assert [one.name for one in Path(folder).rglob("*") if one.is_file()] == ["a.json.gz"]
        if found is not None:
            check(root, rows, found, kind)


@FUZZ
@given(rows=ROWS, share=st.sampled_from([0.2, 1.0]))
def test_folders_with_odd_values(rows: list[dict[str, Any]], share: float) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "a"
        folder.mkdir()
        for i, row in enumerate(rows):
            said = {name: row[name] for name in ("captions", "source", "split", "category")}
            content: object = row["odd_id"] if row["odd_id"] is not None else said
            (folder / f"c{i}.json").write_text(json.dumps(content))
        found = sorted_or_refused(Path(root), "folder", "a", share)
        if found is not None:
            check(Path(root), rows, found, "folder")


@pytest.mark.parametrize("kind", MAKERS)
@FUZZ
@given(rows=ROWS, data=st.data())
def test_damaged_files(kind: str, rows: list[dict[str, Any]], data: st.DataObject) -> None:
    content = bytearray(MAKERS[kind](rows).encode("utf-8", "surrogatepass"))
    if data.draw(st.booleans()):
        content = bytearray(gzip.compress(bytes(content)))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        content[at : at + 1] = data.draw(st.binary(max_size=2))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a").write_bytes(bytes(content))
        sorted_or_refused(Path(folder), kind, "a", 1.0)


@pytest.mark.parametrize("kind", MAKERS)
@FUZZ
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_what_is_no_annotation_at_all(kind: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a").write_bytes(content)
        sorted_or_refused(Path(folder), kind, "a", 1.0)

"""Files that are too many for a document stand in Parquet: what is made of them is the same, and
nothing can be changed there that isn't found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.stage import curate
from slora_assets.curation.stage import curated as curated_again
from slora_assets.documents import FootageFile, Inventory
from slora_assets.footage.inventory import take_inventory
from slora_assets.governance.takedown.stage import take_down
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance import inventories, read_json, sha256_file, write_json
from slora_assets.provenance.inventories import (
    files_named,
    footage_schema,
    inventory_hash,
    read_inventory,
    table_of,
)
from slora_assets.storage.parts import local_parts
from slora_assets_tests.curation.test_many_clips import limit
from slora_assets_tests.folder_dataset import HELD_OUT, curated, folder_workspace, write_scenario
from slora_assets_tests.governance.takedown.harbour import examine_here, sort
from slora_assets_tests.workspaces import choose

CLIPS = {
    "a": ["a boat"],
    "b": ["a boat, and Zoë's dog"],
    "c": ["a boat"],
    "d": ["a lighthouse"],
    f"{HELD_OUT}_a": ["one more boat"],
}


@pytest.fixture
def sea(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Five usable files, of which a scenario has four, and one that is none."""
    examine_here(monkeypatch)
    workspace = choose(folder_workspace(tmp_path, CLIPS), monkeypatch)
    write_scenario(workspace, "boat", "boat")
    (workspace.root / "footage/e.mp4").write_bytes(b"no video")
    (workspace.root / "footage/e.txt").write_text("a boat")
    return workspace


def _tables(workspace: Workspace) -> list[Path]:
    return sorted((workspace.metadata / "footage").rglob("*"))


def _broken(workspace: Workspace, path: Path) -> list[str]:
    return [f"{link.path}: {link.says}" for link in verify(workspace, path).broken()]


def _made(workspace: Workspace) -> dict[str, object]:
    """All that curation writes, and whoever looks at all of it says."""
    sort(workspace)
    written = [
        workspace.scenario_metadata,
        workspace.curation_report,
        workspace.manifest("boat"),
        workspace.quarantine,
        *sorted((workspace.metadata / "rejects").iterdir()),
    ]
    inventory = read_inventory(workspace)
    return {
        "files": {file.name: sha256_file(file) for file in written},
        "inventory": inventory.model_copy(update={"shards": None}),
        "order": list(inventory.files),
        "broken": _broken(workspace, workspace.root),
        "a video": _broken(workspace, workspace.root / "footage/a.mp4"),
        "pushed": sorted(local_parts(workspace)["footage"]()),
    }


def test_files_in_parquet_are_the_same_files(
    sea: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "SHARD_FILES", 2)
    limit(sea, 5)
    in_document, document = _made(sea), sea.footage_inventory.read_bytes()
    assert _tables(sea) == [] and in_document["broken"] == in_document["a video"] == []
    limit(sea, 4)
    in_tables, tables = _made(sea), _tables(sea)
    assert in_tables == in_document
    written = read_json(sea.footage_inventory, remedy="")
    assert isinstance(written, dict) and written["files"] == {}
    assert [pl.read_parquet(file)["id"].len() for file in tables].count(2) == 2 and len(tables) == 3
    pushed = local_parts(sea)["metadata"]()
    assert {sea.relative(file) for file in tables} <= pushed.keys()

    assert _made(sea) == in_document and _tables(sea) == tables, "the same bytes again"
    limit(sea, 5)
    assert _made(sea) == in_document, "and back"
    assert sea.footage_inventory.read_bytes() == document
    assert not (sea.metadata / "footage").exists()


def test_what_was_examined_says_whether_it_has_changed(sea: Workspace) -> None:
    limit(sea, 0)
    dataset, _ = read_dataset(sea.dataset_file)
    first = take_inventory(dataset, sea)
    assert first == read_inventory(sea)
    assert inventory_hash(take_inventory(dataset, sea)) == inventory_hash(first)
    (sea.root / "footage/d.mp4").unlink()
    assert inventory_hash(take_inventory(dataset, sea)) != inventory_hash(first)
    assert len(_tables(sea)) == 1, "the older table is gone"


def _change_a_hash(file: Path) -> None:
    table = pl.read_parquet(file)
    table.with_columns(sha256=table["sha256"].reverse()).write_parquet(file)


def _forge_both(file: Path) -> None:
    """The document names the changed table as if it had always done so."""
    _change_a_hash(file)
    inventory = file.parents[1] / "footage.json"
    written = read_json(inventory, remedy="")
    assert isinstance(written, dict) and isinstance(written["shards"], list)
    write_json(
        inventory, {**written, "shards": [{**written["shards"][0], "sha256": sha256_file(file)}]}
    )


def test_a_table_that_was_changed_is_found(sea: Workspace) -> None:
    limit(sea, 4)
    sort(sea)
    (file,) = _tables(sea)
    assert _broken(sea, file) == []
    _change_a_hash(file)
    with pytest.raises(IntegrityError, match="not those that the document names"):
        read_inventory(sea)
    for looked_at in (sea.root, sea.footage_inventory, sea.scenario_metadata, file):
        assert any("footage" in line for line in _broken(sea, looked_at)), looked_at
    curated(sea)
    assert _broken(sea, sea.root) == [], "what `make data` does repairs it"


def test_a_table_and_its_name_that_were_changed_are_found(sea: Workspace) -> None:
    limit(sea, 4)
    sort(sea)
    (file,) = _tables(sea)
    _forge_both(file)
    inventory = read_inventory(sea)
    with pytest.raises(IntegrityError, match="not what its stage left"):
        curate(*read_dataset(sea.dataset_file), inventory, sea)
    assert _broken(sea, sea.scenario_metadata)


def test_a_table_that_is_gone_is_asked_for(sea: Workspace) -> None:
    limit(sea, 4)
    sort(sea)
    _tables(sea)[0].unlink()
    with pytest.raises(MissingInputError, match="run `make data`"):
        read_inventory(sea)
    assert _broken(sea, sea.footage_inventory)


def test_whoever_reads_while_the_footage_is_looked_at_has_the_newer_inventory(
    sea: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(sea, 0)
    curated(sea)
    read, waiting = inventories.read_table, [sea.root / "footage/d.mp4"]

    def read_late(*asked: Any) -> pl.DataFrame:
        if waiting:
            waiting.pop().unlink()
            curated(sea)
        return read(*asked)

    monkeypatch.setattr(inventories, "read_table", read_late)
    assert list(read_inventory(sea).files) == ["a", "b", "c", f"{HELD_OUT}_a"]


def test_the_document_of_an_older_workspace_is_read(sea: Workspace) -> None:
    """Written before there were tables, however many files it has."""
    limit(sea, 5)
    before, document = curated(sea), sea.footage_inventory.read_bytes()
    limit(sea, 0)
    after = curated_again(*read_dataset(sea.dataset_file), sea).whole()
    assert after.clips == before.clips and sea.footage_inventory.read_bytes() == document
    assert _broken(sea, sea.root) == []


def test_a_clip_that_is_taken_down_is_in_no_table(sea: Workspace) -> None:
    limit(sea, 0)
    sort(sea)
    take_down(sea, "a", "Ada", "its owner asks", delete_footage=True)
    assert list(read_inventory(sea).files) == ["b", "c", "d", f"{HELD_OUT}_a"]
    (table,) = _tables(sea)
    assert list(pl.read_parquet(table)["id"]) == list(read_inventory(sea).files)
    assert _broken(sea, sea.footage_inventory) == []


FILES = st.builds(
    FootageFile,
    path=st.text(st.characters(exclude_categories=["Cs"])),
    sha256=st.text("0123456789abcdef", min_size=1),
    bytes_=st.integers(0, 2**62),
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
    fps=st.floats(0, 1000),
    duration_s=st.none() | st.floats(0, 1e9),
    codec=st.text("hav1264"),
    hdr=st.none() | st.just("smpte2084"),
    cuts=st.none() | st.integers(0, 99),
    motion=st.none() | st.floats(0, 9),
    fingerprint=st.none() | st.text("0123456789abcdef", min_size=16, max_size=16),
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), FILES, max_size=6))
def test_a_table_is_as_a_dict_of_files(files: dict[str, FootageFile]) -> None:
    table = table_of(files)
    assert table == files and list(table) == sorted(files)
    assert list(table.items()) == sorted(files.items())
    assert [table.get(name) for name in (*files, "no\0where")] == [*files.values(), None]
    asked = pl.Series(["no\0where", *files], dtype=pl.String)
    for held in (files, table):
        rows = files_named(held, asked).rows(named=True)
        assert rows == [dict.fromkeys(rows[0]), *(file.model_dump() for file in files.values())]


def test_a_file_is_a_row() -> None:
    """Whoever gives files another field gives them a column."""
    assert {*footage_schema()} == {"id", *FootageFile.model_fields}
    assert (
        "shards" not in Inventory(dataset="d", annotations={}, files={}, rejects=[]).model_dump()
    ), "the bytes of small projects are what they were"

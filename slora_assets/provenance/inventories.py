"""The inventory of footage, wherever its files stand: in `footage.json`, or where they are many in
`data/metadata/footage/<hash>.parquet`. Whoever writes or reads it does so here, and needn't know
which it is: `Inventory.files` is a mapping by clip id either way.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import FootageFile, FootageShard, Inventory
from slora_assets.provenance.files import write_json
from slora_assets.provenance.hashing import object_hash
from slora_assets.provenance.ledger import put_on_record
from slora_assets.provenance.parquet import read_table, remove_unnamed, write_table
from slora_assets.provenance.records import read_document
from slora_assets.provenance.stat_cache import file_stamp

if TYPE_CHECKING:
    import polars as pl

FOLDER: Final = "footage"
"""Below the folder of the metadata."""
SHARD_FILES: Final = 131_072
"""Most files of a shard: some 10 MB on disk."""

_AT_ONCE: Final = 8192
"""Files that are objects at a time, while all are looked at."""
_REMEDY: Final = "run `make data`"


class FootageTable(Mapping[str, FootageFile]):
    """Usable files by clip id, as columns: a million of them are 200 MB, as objects ten times
    that. Who asks for one has it as an object; who asks for all, one after the other."""

    def __init__(self, columns: pl.DataFrame) -> None:
        """`columns`: of `footage_schema`, by id."""
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns["id"])

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._rows

    def __getitem__(self, clip_id: str) -> FootageFile:
        found = self.columns.row(self._rows[clip_id], named=True)
        del found["id"]
        return FootageFile.model_construct(**found)

    def items(self) -> ItemsView[str, FootageFile]:
        """As a dict's, row by row."""
        return _Items(self)

    def values(self) -> ValuesView[FootageFile]:
        """As a dict's, row by row."""
        return _Values(self)

    def pairs(self) -> Iterator[tuple[str, FootageFile]]:
        """All of them by id."""
        for part in self.columns.iter_slices(_AT_ONCE):
            for row in part.iter_rows(named=True):
                # The types of columns, and the hash that they were read by, are check enough.
                yield row.pop("id"), FootageFile.model_construct(**row)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {clip_id: row for row, clip_id in enumerate(self.columns["id"])}


class _Items(ItemsView[str, FootageFile]):
    def __init__(self, files: FootageTable) -> None:
        super().__init__(files)
        self._files = files

    def __iter__(self) -> Iterator[tuple[str, FootageFile]]:
        return self._files.pairs()


class _Values(ValuesView[FootageFile]):
    def __init__(self, files: FootageTable) -> None:
        super().__init__(files)
        self._files = files

    def __iter__(self) -> Iterator[FootageFile]:
        return (file for _, file in self._files.pairs())


def footage_schema() -> pl.Schema:
    """A file's columns: its clip's id, and what `FootageFile` has."""
    import polars as pl

    text, number, real = pl.String(), pl.Int64(), pl.Float64()
    return pl.Schema(
        {
            "id": text,
            "path": text,
            "sha256": text,
            "bytes_": number,
            "width": number,
            "height": number,
            "fps": real,
            "duration_s": real,
            "codec": text,
            "hdr": text,
            "cuts": number,
            "motion": real,
            "fingerprint": text,
        }
    )


def table_of(files: Mapping[str, FootageFile]) -> FootageTable:
    """Files as columns, by id."""
    import polars as pl

    if isinstance(files, FootageTable):
        return files
    names = [name for name in footage_schema() if name != "id"]
    ids = sorted(files)
    columns = {name: [getattr(files[clip_id], name) for clip_id in ids] for name in names}
    return FootageTable(pl.DataFrame({"id": ids, **columns}, footage_schema()))


def files_named(files: Mapping[str, FootageFile], names: pl.Series) -> pl.DataFrame:
    """A row for each of the names: that file's columns but the id; null where there is none."""

    if not isinstance(files, FootageTable):
        files = table_of({name: files[name] for name in names.unique() if name in files})
    asked = names.rename("id").to_frame()
    return asked.join(files.columns, on="id", how="left", maintain_order="left").drop("id")


def write_inventory(workspace: Workspace, inventory: Inventory, most: int) -> Inventory:
    """Write an inventory and put it on record; its files go to shards, which are on record with it,
    where they are more than `most`. Returns it as `read_inventory` would."""
    files, shards = inventory.files, None
    if len(files) > most:
        table = table_of(files)
        files, shards = table, _written(table.columns, workspace.metadata)
    else:
        files = dict(files.items())
    inventory = inventory.model_copy(update={"files": files, "shards": shards})
    write_json(workspace.footage_inventory, _document(inventory))
    paths = [shard.path for shard in shards or ()]
    beside = [workspace.metadata / path for path in paths]
    put_on_record(workspace, "footage", workspace.footage_inventory, files=beside)
    remove_unnamed(workspace.metadata, FOLDER, paths)
    return inventory


def _written(files: pl.DataFrame, metadata: Path) -> list[FootageShard]:
    shards = []
    for part in files.iter_slices(SHARD_FILES):
        path, sha256 = write_table(part, metadata, FOLDER)
        shards.append(FootageShard(path=path, sha256=sha256, files=len(part)))
    return shards


def read_inventory(workspace: Workspace) -> Inventory:
    """What footage there is, as last looked at. Raises MissingInputError; IntegrityError, also for
    shards that aren't those that it names."""
    file = workspace.footage_inventory
    stamp = file_stamp(file)
    found = read_document(file, Inventory, what="a footage inventory", remedy=_REMEDY)
    if found.shards is None:
        return found
    try:
        return found.model_copy(update={"files": _read(found.shards, workspace.metadata)})
    except MissingInputError:
        if file_stamp(file) == stamp:
            raise
        return read_inventory(workspace)  # a newer one has taken its place meanwhile


def _read(shards: Sequence[FootageShard], metadata: Path) -> FootageTable:
    import polars as pl

    tables = (
        read_table(metadata / shard.path, shard.sha256, "video files", _REMEDY) for shard in shards
    )
    return FootageTable(pl.concat([footage_schema().to_frame(), *tables], rechunk=True))


def inventory_hash(inventory: Inventory) -> str:
    """Hash over annotations, files and rejects; where files are in shards, over their hashes."""
    return object_hash(_document(inventory))


def _document(inventory: Inventory) -> dict[str, object]:
    if inventory.shards is not None:
        inventory = inventory.model_copy(update={"files": {}})
    return inventory.model_dump(mode="json")

"""The exported schemas are those of the documents that this version writes."""

from __future__ import annotations

from pathlib import Path

from slora_assets.contracts import write_schemas
from slora_assets_tests.small_graph import PROJECT


def test_the_exported_schemas_are_up_to_date(tmp_path: Path) -> None:
    made = {path.name: path.read_bytes() for path in write_schemas(tmp_path)}
    committed = {path.name: path.read_bytes() for path in (PROJECT / "docs/schemas").iterdir()}
    assert made == committed, "run `slora schemas` and commit docs/schemas"

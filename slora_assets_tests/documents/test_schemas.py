"""The exported schemas are those of the documents that this version writes."""

from __future__ import annotations

from slora_assets.documents.schemas import schemas
from slora_assets.provenance import json_text
from slora_assets_tests.small_graph import PROJECT


def test_the_exported_schemas_are_up_to_date() -> None:
    made = {f"{name}.schema.json": json_text(schema) for name, schema in schemas().items()}
    committed = {
        path.name: path.read_text("utf-8") for path in (PROJECT / "docs/schemas").iterdir()
    }
    assert made == committed, "run `slora schemas` and commit docs/schemas"

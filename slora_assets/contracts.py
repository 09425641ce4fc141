"""The documents that runs leave behind, by name: their models are exported as JSON Schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel

from slora_assets.curation.metadata import ScenarioMetadata
from slora_assets.deployment.changelog import Change
from slora_assets.deployment.presets import Presets
from slora_assets.footage.inventory import Inventory
from slora_assets.provenance.files import write_json
from slora_assets.provenance.records import AdapterRecord, RunRecord
from slora_assets.validation.stage import RunVerdict

CONTRACTS: Final[dict[str, type[BaseModel]]] = {
    "adapter_record": AdapterRecord,
    "footage": Inventory,
    "optimized_inference": Presets,
    "promotion": Change,
    "run_record": RunRecord,
    "scenario_metadata": ScenarioMetadata,
    "verdict": RunVerdict,
}


def write_schemas(folder: Path) -> list[Path]:
    """Write `<name>.schema.json` for each document (JSON Schema 2020-12); returns the paths."""
    paths = []
    for name, model in CONTRACTS.items():
        path = folder / f"{name}.schema.json"
        write_json(path, model.model_json_schema())
        paths.append(path)
    return paths

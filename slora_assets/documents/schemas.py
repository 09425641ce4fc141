"""The documents by name, and their JSON Schemas (2020-12), as `docs/schemas/` publishes them."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from slora_assets.documents.adapter import AdapterRecord
from slora_assets.documents.caches import CacheIndex
from slora_assets.documents.clips import ScenarioManifest, ScenarioMetadata
from slora_assets.documents.comparison import Comparison
from slora_assets.documents.footage import Inventory, Quarantine
from slora_assets.documents.ledger import Recorded
from slora_assets.documents.marks import SignedVideo
from slora_assets.documents.presets import Presets
from slora_assets.documents.promotion import Change
from slora_assets.documents.run import RunRecord
from slora_assets.documents.signatures import LogHead, SignedPreset
from slora_assets.documents.storage import FootageUrl, StoreCommit, StoredPart
from slora_assets.documents.sweep import ScaleSweep, SweptMeasurements
from slora_assets.documents.takedown import Takedown
from slora_assets.documents.verdict import (
    NearestTrainingClips,
    PairedMeasurements,
    RunVerdict,
)

DOCUMENTS: Final[dict[str, type[BaseModel]]] = {
    "adapter_record": AdapterRecord,
    "cache_index": CacheIndex,
    "comparison": Comparison,
    "footage": Inventory,
    "ledger": Recorded,
    "log_head": LogHead,
    "nearest": NearestTrainingClips,
    "optimized_inference": Presets,
    "pairs": PairedMeasurements,
    "promotion": Change,
    "quarantine": Quarantine,
    "registered_video": SignedVideo,
    "run_record": RunRecord,
    "scenario_manifest": ScenarioManifest,
    "scenario_metadata": ScenarioMetadata,
    "signed_preset": SignedPreset,
    "store_commit": StoreCommit,
    "footage_url": FootageUrl,
    "stored_part": StoredPart,
    "sweep": ScaleSweep,
    "swept_pairs": SweptMeasurements,
    "takedown": Takedown,
    "verdict": RunVerdict,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Each document's JSON Schema."""
    return {name: model.model_json_schema() for name, model in DOCUMENTS.items()}

"""The files that rooms hand to each other, as models: no logic here beyond validation."""

from slora_assets.documents.adapter import ADAPTER_FILE, ADAPTER_RECORD, AdapterRecord
from slora_assets.documents.clips import (
    Clip,
    DatasetEntry,
    MatchingEvidence,
    Reject,
    ScenarioEntry,
    ScenarioManifest,
    ScenarioMetadata,
    Split,
)
from slora_assets.documents.comparison import Comparison, LoggedComparison, Pressed, Side
from slora_assets.documents.document import Document
from slora_assets.documents.footage import (
    FootageFile,
    Inventory,
    Quarantine,
    QuarantinedClip,
    QuarantineStage,
)
from slora_assets.documents.models import BaseIdentity, Geometry, InferenceDefaults, ScorerCard
from slora_assets.documents.presets import (
    DEFAULT_SPEED,
    Limits,
    Presets,
    PromotableAnswer,
    ScenarioPreset,
    Sha256,
    SpeedPreset,
    registered_path,
)
from slora_assets.documents.promotion import Change, LoggedChange
from slora_assets.documents.run import RUN_RECORD, ExportParity, KeptAdapter, RunRecord, TrainedClip
from slora_assets.documents.verdict import (
    VERDICT_FILE,
    Answer,
    FootageClip,
    FootageScores,
    GateDecision,
    GuardedMetric,
    PairedMeasurements,
    PromptPair,
    RunVerdict,
)

__all__ = [
    "ADAPTER_FILE",
    "ADAPTER_RECORD",
    "DEFAULT_SPEED",
    "RUN_RECORD",
    "VERDICT_FILE",
    "AdapterRecord",
    "Answer",
    "BaseIdentity",
    "Change",
    "Clip",
    "Comparison",
    "DatasetEntry",
    "Document",
    "ExportParity",
    "FootageClip",
    "FootageFile",
    "FootageScores",
    "GateDecision",
    "Geometry",
    "GuardedMetric",
    "InferenceDefaults",
    "Inventory",
    "KeptAdapter",
    "Limits",
    "LoggedChange",
    "LoggedComparison",
    "MatchingEvidence",
    "PairedMeasurements",
    "Presets",
    "Pressed",
    "PromotableAnswer",
    "PromptPair",
    "Quarantine",
    "QuarantineStage",
    "QuarantinedClip",
    "Reject",
    "RunRecord",
    "RunVerdict",
    "ScenarioEntry",
    "ScenarioManifest",
    "ScenarioMetadata",
    "ScenarioPreset",
    "ScorerCard",
    "Sha256",
    "Side",
    "SpeedPreset",
    "Split",
    "TrainedClip",
    "registered_path",
]

"""`adapter.json`, beside each adapter file: what the adapter is."""

from __future__ import annotations

from typing import Any, Final, Literal

from slora_assets.documents.document import Document

ADAPTER_FILE: Final = "pytorch_lora_weights.safetensors"
ADAPTER_RECORD: Final = "adapter.json"
ADAPTER_CREDENTIALS: Final = "adapter.c2pa"
"""Of a registered adapter: Content Credentials over the adapter file."""
MODEL_CARD: Final = "README.md"
"""Of a registered adapter, as the Hugging Face Hub reads it."""


class AdapterRecord(Document):
    """The record of one adapter file."""

    schema_version: Literal[1] = 1
    sha256: str
    bytes_: int
    scenario: str | None
    """None for the unified adapter."""
    base: str
    base_revision: str
    base_parts: dict[str, str]
    base_licence: str
    rank: int
    alpha: float
    targets: list[str]
    run_hash: str
    config_hash: str
    dataset_hash: str
    epoch: int
    step: int
    metrics: dict[str, Any]

"""A promoted adapter has a model card and Content Credentials beside it, and its bytes are as they
were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from slora_assets.config.workspace import Workspace
from slora_assets.deployment.carried import tensors_sha256
from slora_assets.deployment.promotion import promote
from slora_assets.documents import (
    ADAPTER_CREDENTIALS,
    ADAPTER_FILE,
    ADAPTER_RECORD,
    MODEL_CARD,
)
from slora_assets.marking.credentials import read_beside
from slora_assets.provenance import sha256_file
from slora_assets.provenance.ledger import last_record

FinishRun = Callable[..., str]
SCENARIO = "market_floor"


@pytest.fixture
def folder(workspace: Workspace, finish_run: FinishRun) -> Path:
    finish_run()
    return promote(workspace, SCENARIO, "Zoë", "looks right").folder


def test_credentials_hold_for_the_adapter_as_it_was_trained(
    workspace: Workspace, folder: Path
) -> None:
    weights, kept = folder / ADAPTER_FILE, (folder / ADAPTER_CREDENTIALS).read_bytes()
    assert weights.read_bytes() == b"weights"
    read = read_beside(weights, kept)
    assert read is not None
    assert read.state == "trusted"
    assert read.made_with is not None
    assert read.made_with["adapter_sha256"] == sha256_file(weights) == folder.name
    assert read.made_with["verdict"] == "pass"
    recorded = last_record(workspace, folder / ADAPTER_RECORD)
    assert recorded is not None
    assert {ADAPTER_CREDENTIALS, MODEL_CARD} <= recorded.files.keys()
    weights.write_bytes(b"Weights")
    read = read_beside(weights, kept)
    assert read is not None
    assert read.state == "invalid"


def test_promoting_again_leaves_both_as_they_are(workspace: Workspace, folder: Path) -> None:
    before = {one: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    assert promote(workspace, SCENARIO, "Zoë", "once more").change is None
    assert {one: one.read_bytes() for one in folder.iterdir() if one.is_file()} == before


def test_the_model_card_is_one_that_the_hub_reads(folder: Path) -> None:
    card = ModelCard.load(folder / MODEL_CARD)
    said = card.data.to_dict()
    assert said["pipeline_tag"] == "text-to-video"
    assert said["license"] in ("apache-2.0", "other")
    assert "lora" in said["tags"] and said["base_model"] and said["datasets"]
    for wanted in ("## Intended use", "## Training data", "## Verdict", "**pass**", folder.name):
        assert wanted in card.text


def test_a_copy_with_other_metadata_has_the_same_tensors(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(2)}
    for name, metadata in (("one", {"x": "1"}), ("other", {"c2pa:manifest": "AAAA"})):
        save_file(tensors, tmp_path / name, metadata)
    save_file({**tensors, "a": torch.zeros(2)}, tmp_path / "changed")
    one, other, changed = (tensors_sha256(tmp_path / n) for n in ("one", "other", "changed"))
    assert one == other != changed
    (tmp_path / "none").write_bytes(b"weights")
    assert tensors_sha256(tmp_path / "none") is None

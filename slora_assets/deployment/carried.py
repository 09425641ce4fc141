"""What a registered adapter carries with it wherever it is copied: a model card, and Content
Credentials that are bound to its bytes.

C2PA 2.4 would have the credentials in the safetensors header. That would change the bytes by whose
hash adapters are promoted, logged and served, so they lie beside the file: `adapter.c2pa`.
"""

from __future__ import annotations

import json
from pathlib import Path

from slora_assets.deployment.card import model_card
from slora_assets.documents import (
    ADAPTER_CREDENTIALS,
    ADAPTER_FILE,
    MODEL_CARD,
    AdapterRecord,
    RunRecord,
    RunVerdict,
)
from slora_assets.provenance import Json, object_hash, sha256_bytes, write_bytes, write_text


def carry_provenance(
    folder: Path, record: AdapterRecord, run: RunRecord, verdict: RunVerdict
) -> None:
    """Write card and credentials into a registered adapter's folder, unless they stand there.
    Raises UnreadableError where nothing can be signed."""
    # Certificates need cryptography, which definitions don't wait for.
    from slora_assets.marking.credentials import read_beside, sign_beside

    write_text(folder / MODEL_CARD, model_card(record, run, verdict))
    weights, kept = folder / ADAPTER_FILE, folder / ADAPTER_CREDENTIALS
    told = _told(weights, record, run, verdict)
    if kept.is_file():
        read = read_beside(weights, kept.read_bytes())
        if read is not None and read.state == "trusted" and read.made_with == told:
            return
    title = f"LoRA adapter {record.sha256[:16]} of {record.base}"
    write_bytes(kept, sign_beside(weights, told, title))


def tensors_sha256(file: Path) -> str | None:
    """Hash of a safetensors file's tensors, with their names, types and shapes, whatever stands in
    its header beside them: the same for a copy that carries other metadata. None for another
    file."""
    content = file.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:end])
        header.pop("__metadata__", None)
    except (ValueError, AttributeError):
        return None
    return object_hash({"header": header, "data": sha256_bytes(content[end:])})


def _told(
    weights: Path, record: AdapterRecord, run: RunRecord, verdict: RunVerdict
) -> dict[str, Json]:
    """What the credentials say; whole numbers and texts only, as they are compared when read."""
    return {
        "adapter_sha256": record.sha256,
        "tensors_sha256": tensors_sha256(weights),
        "scenario": record.scenario,
        "base": record.base,
        "base_revision": record.base_revision,
        "base_licence": record.base_licence,
        "base_parts": record.base_parts,
        "run_hash": record.run_hash,
        "config_hash": record.config_hash,
        "dataset": run.dataset,
        "dataset_hash": record.dataset_hash,
        "dataset_licence": run.licence,
        "training_clips": sum(clip.split == "train" for clip in run.clips),
        "verdict": verdict.gate.answer,
    }

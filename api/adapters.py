"""GET /adapters: the registered adapters and what uses them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.service import service_of
from slora_assets.deployment.registry import registered
from slora_assets.deployment.taint import taint_of
from slora_assets.documents import registered_path

router = APIRouter(tags=["adapters"])


class AdapterView(BaseModel):
    """One registered adapter."""

    sha256: str
    lora_path: str
    scenario: str | None
    """None for the unified adapter."""
    base: str
    base_revision: str
    base_licence: str
    rank: int
    alpha: float
    epoch: int
    step: int
    run_hash: str
    config_hash: str
    dataset_hash: str
    promoted_for: list[str]
    """Scenarios whose preset is this adapter."""
    tainted: str | None
    """Why it may not be served: it has seen footage that was taken down; null for others."""


@router.get("/adapters")
def adapters(request: Request) -> list[AdapterView]:
    """All registered adapters that are whole, by hash."""
    service = service_of(request)
    presets, workspace = service.presets().presets, service.settings.workspace
    return [
        AdapterView(
            **record.model_dump(
                include=set(AdapterView.model_fields) - {"lora_path", "promoted_for", "tainted"}
            ),
            lora_path=registered_path(record.sha256),
            promoted_for=sorted(n for n, one in presets.items() if one.sha256 == record.sha256),
            tainted=taint.what if (taint := taint_of(workspace, record.sha256)) else None,
        )
        for _folder, record in registered(workspace)
    ]

"""GET /adapters: the registered adapters and what uses them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.service import service_of
from slora_assets.config.errors import SloraError
from slora_assets.config.licences import Use
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.permission import most_use, parents_of
from slora_assets.deployment.registry import registered
from slora_assets.deployment.taint import taint_of
from slora_assets.documents import AdapterRecord, ScenarioPreset, registered_path

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
    use: Use
    """The most that the licences of its footage and its base allow."""
    licences: list[str]
    """Those, each once, the strictest first."""


@router.get("/adapters")
def adapters(request: Request) -> list[AdapterView]:
    """All registered adapters that are whole, by hash."""
    service = service_of(request)
    presets, workspace = service.presets().presets, service.settings.workspace
    return [_view(workspace, presets, *one) for one in registered(workspace)]


def _view(
    workspace: Workspace, presets: Mapping[str, ScenarioPreset], folder: Path, record: AdapterRecord
) -> AdapterView:
    try:
        parents = parents_of(workspace, folder)
    except SloraError:  # an adapter whose run can't be read any more
        parents = []
    taint = taint_of(workspace, record.sha256)
    own = set(AdapterView.model_fields) & set(AdapterRecord.model_fields)
    return AdapterView(
        **record.model_dump(include=own),
        lora_path=registered_path(record.sha256),
        promoted_for=sorted(n for n, one in presets.items() if one.sha256 == record.sha256),
        tainted=taint.what if taint else None,
        use=most_use(parents),
        licences=list(dict.fromkeys(one.licence.id for one in parents)),
    )

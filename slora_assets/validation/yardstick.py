"""What a clip is held against where nobody judges: the same footage as in the gate."""

from __future__ import annotations

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import BaseIdentity
from slora_assets.provenance.records import read_verdict


def motion_reference_of(workspace: Workspace, scenario: str, base: BaseIdentity) -> float | None:
    """Mean speed of the scenario's footage through this base's VAE, in shorter sides per second, as
    its verdict measured it; None where there is no verdict with this base."""
    try:
        verdict = read_verdict(workspace, scenario)
    except SloraError:
        return None
    if verdict.base.parts != base.parts:
        return None
    return verdict.footage_scores.get("motion_speed") or None

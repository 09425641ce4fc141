"""GET /scenarios: what may be asked for, and which adapter would serve it now."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import ConfigDict

from api.cards import Card, card_of
from api.errors import NotServable
from api.generator.choice import choose
from api.kept_presets import ServedPresets
from api.problems import public_at
from api.service import Service, service_of
from slora_assets.config.licences import Use
from slora_assets.deployment.permission import preset_use
from slora_assets.documents import ScenarioPreset, SpeedPreset

router = APIRouter(tags=["scenarios"])

_UNKNOWN = ScenarioPreset(
    adapter=None, sha256=None, scale=1, scale_min=0, scale_max=1, verdict=None
)
"""Shown for a preset that can't be read."""


class ScenarioView(Card):
    """One scenario."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    status: Literal["promoted", "preview", "unavailable"]
    reason: str | None
    """Why it is unavailable, and the remedy."""
    verdict: str | None
    adapter_sha256: str | None
    lora_path: str | None
    scale: float
    scale_min: float
    scale_max: float
    scores_note: str | None
    use: Use | None
    """What its clips may be used for, by the licences of what the adapter was made from; null where
    nothing is promoted."""
    speeds: dict[str, SpeedPreset]
    """The speed presets that may be asked for, by name, as `preset` names them; null: the base's
    own default."""
    presets_fault: str | None
    """Why this isn't what stands in the presets' file, where it isn't: the file can't be read, and
    what it said before is kept."""


@router.get("/scenarios")
def scenarios(request: Request) -> list[ScenarioView]:
    """All scenarios, by name."""
    service = service_of(request)
    presets = service.presets()
    return [_view(service, presets, name) for name in presets.scenarios]


def _view(service: Service, presets: ServedPresets, name: str) -> ScenarioView:
    preset = presets.presets.get(name, _UNKNOWN)
    choice, reason = None, None
    try:
        choice = choose(service.settings, presets, name)
    except NotServable as error:
        reason = error.detail
    return ScenarioView(
        name=name,
        status=choice.status if choice else "unavailable",
        reason=reason,
        verdict=choice.verdict if choice else preset.verdict,
        adapter_sha256=choice.record.sha256 if choice else preset.sha256,
        lora_path=choice.lora_path if choice else preset.adapter,
        scale=preset.scale,
        scale_min=preset.scale_min,
        scale_max=preset.scale_max,
        scores_note=choice.scores_note if choice else None,
        use=preset_use(service.settings.workspace, name, preset),
        **card_of(service.settings.workspace, name, choice).model_dump(),
        speeds={
            speed: sampled
            for speed, sampled in presets.speed.items()
            if choice is None or choice.speeds is None or speed in choice.speeds
        },
        presets_fault=public_at(presets.fault) if presets.fault else None,
    )

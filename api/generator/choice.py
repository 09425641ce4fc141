"""Which adapter serves a scenario now: the promoted one, or in preview mode the run's candidate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from api.errors import NotServable, Tainted
from api.kept_presets import ServedPresets
from api.problems import public, public_at
from api.settings import ApiSettings
from slora_assets.config.errors import SloraError, TaintedError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.candidate import candidate
from slora_assets.deployment.registry import open_registered
from slora_assets.deployment.signed import refuse_unsigned
from slora_assets.deployment.strengths import checked_promotion, let_through_speeds
from slora_assets.deployment.taint import refuse_tainted
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    DEFAULT_SPEED,
    RUN_RECORD,
    VERDICT_FILE,
    AdapterRecord,
    Presets,
    ScenarioPreset,
)
from slora_assets.provenance.ledger import last_record
from slora_assets.provenance.records import read_adapter_record

Status = Literal["promoted", "preview"]


@dataclass(frozen=True)
class Choice:
    """An adapter that may be served for a scenario, and what to say about it."""

    scenario: str
    status: Status
    folder: Path
    lora_path: str
    """The adapter file as a client may name it: relative to the workspace."""
    record: AdapterRecord
    verdict: str
    records: tuple[Path, ...]
    """What a clip is made from, as the ledger names it."""
    scores_note: str | None
    """Why the scores behind the verdict mean nothing, where they don't."""
    speeds: tuple[str, ...] | None = None
    """Speed presets that the gate let it through at; null: nobody has said."""
    scale: float | None = None
    """Strength at which it did."""

    def passed_at(self, speed: str, scale: float) -> bool:
        """Whether the gate let it through at a speed preset and this strength; at the default's it
        looked at a whole row of strengths."""
        return speed == DEFAULT_SPEED or (speed in (self.speeds or ()) and scale == self.scale)

    def named_by(self, lora_path: str) -> bool:
        """Does a client's `lora_path` name this adapter? Compared as text: the disk isn't asked."""
        return lora_path in (self.lora_path, self.lora_path.removesuffix(f"/{ADAPTER_FILE}"))


def choose(settings: ApiSettings, presets: ServedPresets, scenario: str) -> Choice:
    """The adapter for a scenario that the presets know. Raises NotServable with the remedy."""
    if (fault := presets.faults.get(scenario)) is not None:
        raise NotServable(f"{scenario} can't be served, its preset is wrong. {public_at(fault)}")
    preset = presets.presets[scenario]
    try:
        if preset.sha256 is not None:
            return _promoted(settings.workspace, presets, scenario, preset)
        if settings.preview:
            return _preview(settings.workspace, scenario)
    except TaintedError as error:
        raise Tainted(f"{scenario} can't be served. {public(error)}") from error
    except SloraError as error:
        raise NotServable(f"{scenario} can't be served. {public(error)}") from error
    raise NotServable(
        f"No adapter is promoted for {scenario}. Remedy: promote one with the job `promote`, or "
        "start the service with SLORA_PREVIEW=1 to look at the one last trained."
    )


def refuse_taken_down(settings: ApiSettings, choice: Choice) -> None:
    """Raise Tainted when footage of the adapter was taken down since it was chosen: requests wait,
    and clips take their time."""
    try:
        refuse_tainted(settings.workspace, choice.record.sha256, choice.folder)
    except TaintedError as error:
        raise Tainted(f"{choice.scenario} can't be served. {public(error)}") from error
    except SloraError as error:
        raise NotServable(f"{choice.scenario} can't be served. {public(error)}") from error


def _promoted(
    workspace: Workspace, presets: Presets, scenario: str, preset: ScenarioPreset
) -> Choice:
    assert preset.adapter is not None and preset.sha256 is not None and preset.verdict is not None
    folder = open_registered(workspace, preset.adapter, preset.sha256)
    logged = checked_promotion(workspace, scenario, preset)
    assert logged is not None, "there is an adapter"
    refuse_unsigned(workspace, presets, scenario, logged)
    record = read_adapter_record(folder)
    _belongs(scenario, record)
    return Choice(
        scenario,
        "promoted",
        folder,
        preset.adapter,
        record,
        preset.verdict,
        _recorded(workspace, folder / ADAPTER_RECORD, workspace.changelog),
        logged.scores_note,
        let_through_speeds(logged, presets),
        logged.scale,
    )


def _preview(workspace: Workspace, scenario: str) -> Choice:
    found = candidate(workspace, scenario)
    gate = found.verdict.gate
    if gate.answer == "fail":
        raise NotServable(
            f"The verdict on {scenario}'s last adapter is fail: {' '.join(gate.reasons)} "
            "Remedy: train a better one."
        )
    path = workspace.relative(found.folder / ADAPTER_FILE)
    return Choice(
        scenario,
        "preview",
        found.folder,
        path,
        found.record,
        gate.answer,
        _recorded(
            workspace,
            workspace.scenario_run(scenario) / RUN_RECORD,
            workspace.validation(scenario) / VERDICT_FILE,
        ),
        found.verdict.scores_note,
    )


def _recorded(workspace: Workspace, *records: Path) -> tuple[Path, ...]:
    """Those that the ledger knows: an older version promoted without it."""
    return tuple(one for one in records if last_record(workspace, one) is not None)


def _belongs(scenario: str, record: AdapterRecord) -> None:
    """A preset edited by hand must not serve another scenario's adapter."""
    if record.scenario not in (scenario, None):
        raise NotServable(
            f"The preset of {scenario} holds an adapter of {record.scenario}. "
            "Remedy: demote it and promote the scenario's own."
        )

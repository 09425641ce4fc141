"""What a scenario's card says beside its preset: example prompts, the strengths that were judged,
what its adapter was made from, and where its picture and its report are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from api.generator.choice import Choice
from slora_assets.config.errors import SloraError
from slora_assets.config.licences import Use
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.deployment.permission import parents_of
from slora_assets.deployment.taint import taint_of
from slora_assets.documents import DEFAULT_SPEED, VERDICT_FILE, Answer, RunVerdict
from slora_assets.provenance import file_stamp, sha256_file
from slora_assets.provenance.ledger import last_record
from slora_assets.provenance.records import read_verdict
from slora_assets.validation.swept import read_sweep

_SAMPLES: Final = "samples/adapter/"


class Judged(BaseModel):
    """What the gate says of an adapter at one strength."""

    scale: float
    answer: Answer


class Terms(BaseModel):
    """Footage of one licence that the adapter was made from, or its base, and what that allows."""

    what: str
    licence: str
    allows: Use
    clause: str


class Card(BaseModel):
    """What is shown of a scenario, and is no condition of serving it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    examples: list[str]
    """Prompts that its adapters are judged with."""
    judged: list[Judged]
    """By strength, of the adapter that would serve it, or where none would of the one last
    trained."""
    dataset_hash: str | None
    """Of what the adapter that would serve it was trained on."""
    licences: list[Terms]
    """Of all that went into that adapter, the strictest first."""
    picture: str | None
    """Where a frame is of a clip that the gate looked at."""
    report: str | None
    """Where the page is about the adapter last trained."""


def card_of(workspace: Workspace, scenario: str, choice: Choice | None) -> Card:
    """The card of a scenario that the presets know; `choice` is what would serve it."""
    verdict = shown_verdict(workspace, scenario)
    adapter = choice.record.sha256 if choice else verdict.adapter_sha256 if verdict else None
    sample = first_sample(workspace, scenario) if verdict else None
    report = workspace.report(scenario)
    return Card(
        examples=_examples(workspace, scenario),
        judged=_judged(workspace, verdict, adapter),
        dataset_hash=choice.record.dataset_hash if choice else None,
        licences=_terms(workspace, choice) if choice else [],
        picture=f"/scenarios/{scenario}/picture" if sample else None,
        report=f"/reports/{report.name}" if verdict is not None and report.is_file() else None,
    )


def shown_verdict(workspace: Workspace, run: str) -> RunVerdict | None:
    """The verdict on a run whose clips may be shown: as its stage left it, about an adapter that
    saw nothing that was taken down."""
    try:
        if not on_record(workspace, workspace.validation(run) / VERDICT_FILE):
            return None
        verdict = read_verdict(workspace, run)
        return None if taint_of(workspace, verdict.adapter_sha256) else verdict
    except SloraError:
        return None


def first_sample(workspace: Workspace, run: str) -> tuple[Path, str] | None:
    """The first of the adapter's clips that the gate looked at, with the SHA-256 that it has to
    have. Raises IntegrityError for a broken ledger."""
    file = workspace.validation(run) / VERDICT_FILE
    record = last_record(workspace, file)
    names = sorted(n for n in (record.files if record else ()) if n.startswith(_SAMPLES))
    return (file.parent / names[0], record.files[names[0]]) if record and names else None


def on_record(workspace: Workspace, file: Path) -> bool:
    """Whether a record is the very one that its stage left. Raises IntegrityError."""
    last = last_record(workspace, file)
    return last is not None and file.is_file() and sha256_file(file) == last.sha256


def _examples(workspace: Workspace, scenario: str) -> list[str]:
    file = workspace.validation_prompts
    return [text for name, text in _prompts(file, file_stamp(file)) if name == scenario]


@lru_cache(maxsize=8)
def _prompts(file: Path, stamp: tuple[int, ...]) -> tuple[tuple[str, str], ...]:
    """Scenario and text of all prompts that are written down, as the file stood at `stamp`."""
    try:
        settings = read_validation_prompts(file)
    except SloraError:  # whoever judges is told; a card does without
        return ()
    return tuple(
        (name, one.text) for name in settings.scenarios for one in prompts_of(settings, name, ())
    )


def _judged(workspace: Workspace, verdict: RunVerdict | None, adapter: str | None) -> list[Judged]:
    """Of this very adapter, by its verdict and its sweep."""
    if verdict is None or verdict.adapter_sha256 != adapter:
        return []
    found = {verdict.served.scale: verdict.gate.answer}
    try:
        swept = on_record(workspace, workspace.sweep(verdict.run))
        sweep = read_sweep(workspace, verdict.run) if swept else None
    except SloraError:
        sweep = None
    if sweep is not None and sweep.adapter_sha256 == adapter:
        of_default = (one for one in sweep.scales if one.speed == DEFAULT_SPEED)
        found = {one.scale: one.answer for one in of_default} | found
    return [Judged(scale=scale, answer=answer) for scale, answer in sorted(found.items())]


def _terms(workspace: Workspace, choice: Choice) -> list[Terms]:
    """The registry keeps the run's record beside an adapter, the run beside all of its own."""
    promoted = choice.status == "promoted"
    folder = choice.folder if promoted else workspace.scenario_run(choice.scenario)
    try:
        parents = parents_of(workspace, folder)
    except SloraError:  # an adapter whose run can't be read any more
        return []
    own = set(Terms.model_fields)
    return [
        Terms.model_validate({k: v for k, v in one.document().items() if k in own})
        for one in parents
    ]

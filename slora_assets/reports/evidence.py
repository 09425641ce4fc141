"""All that a run's page shows, read from the documents that the stages left behind.

A run and its verdict must be there; whatever else is absent or broken is told in a sentence, on the
page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from slora_assets.config.errors import IntegrityError, SloraError, complaint
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import GateSettings, ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.deployment.presets import read_presets
from slora_assets.documents import (
    RUN_CONFIG,
    VERDICT_FILE,
    Clip,
    Document,
    FootageClip,
    NearestTrainingClip,
    NearestTrainingClips,
    PairedMeasurements,
    PromptPair,
    RunRecord,
    RunVerdict,
    ScaleSweep,
    ScenarioPreset,
)
from slora_assets.provenance.records import read_document, read_run_record, read_verdict
from slora_assets.training.between_epochs.metrics_log import METRICS_FILE, MetricsLog
from slora_assets.validation.preferences.summary import PreferenceSummary, read_preferences
from slora_assets.validation.question import clips_of, question_of
from slora_assets.validation.standing import why_not_standing
from slora_assets.validation.swept import standing_sweep

Found = TypeVar("Found")
Model = TypeVar("Model", bound=Document)
_STEP_LOG = "training_log.jsonl"


@dataclass(frozen=True)
class Evidence:
    """What is known of one judged run."""

    record: RunRecord
    verdict: RunVerdict
    stands: bool
    """Whether a validation would give this verdict now."""
    outdated: Sequence[str]
    """Why not, in words."""
    pairs: Sequence[PromptPair]
    footage: Sequence[FootageClip]
    texts: Mapping[str, str]
    """Prompt to its text."""
    gate: GateSettings
    seeds: Sequence[int]
    samples: Path
    """Folder of the clips: `base/`, `adapter/`, `footage/`."""
    clips: Mapping[str, Clip]
    """What the run's scenarios hold now, by id."""
    nearest: Sequence[NearestTrainingClip] | None
    sweep: ScaleSweep | None
    """None as well where it doesn't stand for what a sweep would be asked now, or was edited."""
    preferences: PreferenceSummary | None
    epochs: Sequence[Mapping[str, Any]]
    """Lines of the metrics log, the base's first."""
    steps: Sequence[Mapping[str, Any]]
    recipe: Mapping[str, Any]
    preset: ScenarioPreset | None
    """The scenario's; None for the unified run, which has none."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Part of the page to why it could not be read."""

    @property
    def run(self) -> str:
        """Name of the run."""
        return self.record.run

    @property
    def unified(self) -> bool:
        """Whether it is the run of all scenarios, which no preset serves."""
        return self.record.scenarios != [self.record.run]

    @property
    def promoted(self) -> bool:
        """Whether this very adapter is served."""
        return self.preset is not None and self.preset.sha256 == self.verdict.adapter_sha256

    def text(self, prompt_id: str) -> str:
        """The prompt as a person wrote it, or its name where that isn't known."""
        return self.texts.get(prompt_id, prompt_id)


def read_evidence(workspace: Workspace, run_folder: Path, prompts: ValidationPrompts) -> Evidence:
    """Read it. Raises MissingInputError, IntegrityError when there is no run or no verdict."""
    record = read_run_record(run_folder)
    verdict = read_verdict(workspace, record.run)
    missing: dict[str, str] = {}

    def tried(part: str, read: Callable[[], Found], otherwise: Found) -> Found:
        try:
            return read()
        except SloraError as error:
            missing[part] = error.pathless
            return otherwise

    folder, pairs = workspace.validation(record.run), workspace.judged_pairs(record.run)
    measured = tried(
        "clips",
        lambda: _document(pairs, PairedMeasurements, "run `make validate`"),
        PairedMeasurements(pairs=[], footage=[]),
    )
    question = tried("standing", lambda: question_of(workspace, run_folder, prompts), None)
    outdated = why_not_standing(workspace, verdict, question) if question else []
    stands = question is not None and not outdated
    clips = tried("footage", lambda: clips_of(workspace, record), list[Clip]())
    gate = prompts.gate if question is None else question.gate
    if not stands and verdict.question is not None:
        asked = verdict.question.gate
        file = folder / VERDICT_FILE
        gate = tried("settings", lambda: _recorded_gate(file, asked), gate)
    ways = {name: guard.higher_is_better for name, guard in gate.guards.items()}
    presets = tried(
        "presets", lambda: read_presets(workspace.presets).presets, dict[str, ScenarioPreset]()
    )
    return Evidence(
        record=record,
        verdict=verdict,
        stands=stands,
        outdated=outdated,
        pairs=measured.pairs,
        footage=measured.footage,
        texts={pair.prompt_id: pair.prompt for pair in measured.pairs if pair.prompt},
        gate=gate,
        seeds=prompts.seeds if stands or not verdict.question else verdict.question.seeds,
        samples=folder / "samples",
        clips={clip.id: clip for clip in clips},
        nearest=tried("nearest", lambda: _nearest(folder / "nearest.json"), None),
        sweep=tried("sweep", lambda: _sweep(workspace, run_folder, prompts), None),
        preferences=tried(
            "preferences", lambda: read_preferences(workspace, [record.run], ways), None
        ),
        epochs=tried("training", lambda: MetricsLog(run_folder / METRICS_FILE).lines(), []),
        steps=_steps(run_folder / _STEP_LOG),
        recipe=tried("recipe", lambda: _recipe(run_folder / RUN_CONFIG), {}),
        preset=presets.get(record.run) if record.scenarios == [record.run] else None,
        missing=missing,
    )


def _document(path: Path, model: type[Model], remedy: str) -> Model:
    return read_document(path, model, what="what it should be", remedy=remedy)


def _nearest(path: Path) -> list[NearestTrainingClip] | None:
    if not path.is_file():
        return None
    return _document(path, NearestTrainingClips, "run `make validate`").clips


def _sweep(workspace: Workspace, run_folder: Path, prompts: ValidationPrompts) -> ScaleSweep | None:
    if not workspace.sweep(run_folder.name).is_file():
        return None
    return standing_sweep(workspace, run_folder, prompts)


def _steps(path: Path) -> list[dict[str, Any]]:
    """Whole lines of the log of steps; a torn last one is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def _recorded_gate(file: Path, settings: Mapping[str, Any]) -> GateSettings:
    """The gate's settings as a verdict holds them."""
    try:
        return GateSettings.model_validate(settings)
    except ValidationError as error:
        key = ".".join(map(str, ("question", "gate", *error.errors()[0]["loc"])))
        raise IntegrityError(
            "the gate's settings that the verdict was given under are another version's",
            file=file,
            key=key,
            found=complaint(error.errors()[0]),
            expected="settings as validation_prompts.yaml has them",
            remedy="run `make validate`",
        ) from error


def _recipe(path: Path) -> dict[str, Any]:
    return read_settings(path, TrainingSettings).model_dump(mode="json")

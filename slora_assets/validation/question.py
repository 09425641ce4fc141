"""What a run's verdict is asked, and the hash of everything that its answer depends on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slora_assets.config.validation import GateSettings, ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import check_minimum, untaken_manifest
from slora_assets.curation.validation_prompts import (
    Prompt,
    other_prompts,
    prompts_of,
    share_of_each,
    spread,
)
from slora_assets.documents import RUN_RECORD, AskedPrompt, AskedQuestion, Clip, RunRecord
from slora_assets.provenance import object_hash
from slora_assets.provenance.ledger import refuse_changed
from slora_assets.provenance.records import read_run_record
from slora_assets.validation.as_served import Serving, serving_of
from slora_assets.validation.versions import TEMPORAL_VERSION, VALIDATION_VERSION


@dataclass(frozen=True)
class Question:
    """A run, and what its best adapter is asked and held against."""

    record: RunRecord
    settings: ValidationPrompts
    clips: list[Clip]
    """Of the run's scenarios, as they are now."""
    serving: Serving
    """How its clips are sampled."""

    @cached_property
    def prompts(self) -> list[Prompt]:
        """All of a scenario's prompts; for the unified run an equal share of each scenario's, as
        many in all as the gate needs."""
        record, settings = self.record, self.settings
        mine = {name: prompts_of(settings, name, self.clips) for name in record.scenarios}
        if len(mine) == 1:
            return next(iter(mine.values()))
        share = share_of_each(settings, len(mine))
        return [prompt for found in mine.values() for prompt in spread(found, share)]

    @cached_property
    def contrasts(self) -> dict[str, list[str]]:
        """Scenario to others' prompts."""
        return {name: other_prompts(self.settings, name) for name in self.record.scenarios}

    @property
    def gate(self) -> GateSettings:
        """The gate's settings; without other scenarios there is nothing to be unlike, and nothing
        to guard there."""
        gate = self.settings.gate
        if all(self.contrasts.values()) or "scenario_margin" not in gate.guards:
            return gate
        guards = {name: one for name, one in gate.guards.items() if name != "scenario_margin"}
        return gate.model_copy(update={"guards": guards})

    @cached_property
    def hash(self) -> str:
        """Of everything that a verdict depends on, the adapter's strength aside."""
        return object_hash(self._depends_on)

    @cached_property
    def told(self) -> AskedQuestion:
        """What `hash` is of, for the record. Footage, of which there may be very much, is a hash of
        its own."""
        return AskedQuestion.model_validate(
            self._depends_on
            | {
                "footage": object_hash(self._depends_on["footage"]),
                "prompts": [
                    AskedPrompt.model_validate(one, from_attributes=True) for one in self.prompts
                ],
            }
        )

    @cached_property
    def _depends_on(self) -> dict[str, Any]:
        return {
            "version": VALIDATION_VERSION,
            "temporal": TEMPORAL_VERSION,
            "adapter": self.record.best.sha256,
            "run": self.record.run_hash,
            "prompts": [
                [one.id, one.text, one.subject, one.motion, one.template] for one in self.prompts
            ],
            "footage": sorted(
                [clip.id, clip.sha256, clip.split, clip.prompts[0]] for clip in self.clips
            ),
            "contrasts": list(self.contrasts.values()),
            "neutral": self.settings.neutral,
            "seeds": self.settings.seeds,
            "gate": self.settings.gate.model_dump(mode="json"),
            "sampling": self.serving.sampling(),
        }


def question_of(workspace: Workspace, run_folder: Path, settings: ValidationPrompts) -> Question:
    """What a finished run is asked now.

    Raises MissingInputError when the run isn't trained, CurationError when all its scenarios are
    retired (what they were judged on is others' now), ConfigError for unreadable presets.
    """
    refuse_changed(
        workspace,
        run_folder / RUN_RECORD,
        remedy="restore the run's folder from a copy, or train again",
    )
    record = read_run_record(run_folder)
    clips = clips_of(workspace, record)
    return Question(record, settings, clips, serving_of(workspace, record.scenarios))


def clips_of(workspace: Workspace, record: RunRecord) -> list[Clip]:
    """The clips of a run's scenarios as they are now, from the scenarios' manifests.

    Raises CurationError when all of them are retired, and for clips that were taken down.
    """
    manifests = [untaken_manifest(workspace, name) for name in record.scenarios]
    if all(manifest.entry.retired for manifest in manifests):
        check_minimum(manifests[0], workspace.manifest(manifests[0].scenario))
    return [clip for manifest in manifests for clip in manifest.clips]

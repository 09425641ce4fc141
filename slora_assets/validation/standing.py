"""Whether a run's verdict stands: everything that it depends on, and what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slora_assets.config.errors import SloraError
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import check_minimum, read_manifest
from slora_assets.curation.validation_prompts import (
    Prompt,
    other_prompts,
    prompts_of,
    share_of_each,
    spread,
)
from slora_assets.documents import Clip, RunRecord, RunVerdict
from slora_assets.provenance import object_hash
from slora_assets.provenance.records import read_run_record, read_verdict

VALIDATION_VERSION = 2
"""Raise it when a change of the code changes a verdict."""


def validation_hash(
    record: RunRecord, prompts: ValidationPrompts, asked: list[Prompt], clips: Sequence[Clip]
) -> str:
    """Everything that a verdict depends on."""
    return object_hash(
        {
            "version": VALIDATION_VERSION,
            "adapter": record.best.sha256,
            "run": record.run_hash,
            "prompts": [
                [prompt.id, prompt.text, prompt.subject, prompt.motion, prompt.template]
                for prompt in asked
            ],
            "footage": sorted(
                [clip.id, clip.sha256, clip.split, clip.prompts[0]] for clip in clips
            ),
            "contrasts": [other_prompts(prompts, name) for name in record.scenarios],
            "seeds": prompts.seeds,
            "gate": prompts.gate.model_dump(mode="json"),
        }
    )


def prompts_asked(
    record: RunRecord, prompts: ValidationPrompts, clips: Sequence[Clip]
) -> list[Prompt]:
    """The prompts of a run's validation: all of its scenario's; for the unified run an equal share
    of each scenario's, as many in all as the gate needs."""
    mine = {scenario: prompts_of(prompts, scenario, clips) for scenario in record.scenarios}
    if len(mine) == 1:
        return next(iter(mine.values()))
    share = share_of_each(prompts, len(mine))
    return [prompt for found in mine.values() for prompt in spread(found, share)]


def clips_of(workspace: Workspace, record: RunRecord) -> list[Clip]:
    """The clips of a run's scenarios as they are now, from the scenarios' manifests.

    Raises CurationError when all of them are retired: what they were judged on is others' now.
    """
    manifests = [read_manifest(workspace.manifest(name)) for name in record.scenarios]
    if all(manifest.entry.retired for manifest in manifests):
        check_minimum(manifests[0], workspace.manifest(manifests[0].scenario))
    return [clip for manifest in manifests for clip in manifest.clips]


def standing_verdict(
    workspace: Workspace, run_folder: Path, prompts: ValidationPrompts
) -> RunVerdict | None:
    """The run's verdict if it stands for these very inputs, else None.

    Raises MissingInputError when the run isn't trained.
    """
    record = read_run_record(run_folder)
    clips = clips_of(workspace, record)
    wanted = validation_hash(record, prompts, prompts_asked(record, prompts, clips), clips)
    try:
        found = read_verdict(workspace, record.run)
    except SloraError:
        return None
    return found if found.validation_hash == wanted else None

"""What a run would do: its clips, settings and the hash that says whether it was done already.

Needs neither torch nor a GPU, so that Dagster can ask before it starts a trainer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, get_args

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.errors import ConfigError, SloraError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.curation.manifest import manifest_bytes
from slora_assets.curation.validation_prompts import (
    Prompt,
    prompts_of,
    spread,
)
from slora_assets.documents import (
    ADAPTER_FILE,
    RUN_INPUTS,
    RUN_PROMPTS,
    RUN_RECORD,
    BaseIdentity,
    CacheName,
)
from slora_assets.provenance import object_hash, write_bytes, write_json
from slora_assets.provenance.ledger import last_record, put_on_record, refuse_changed
from slora_assets.provenance.records import read_run_record
from slora_assets.training.run_folder import RunFolder
from slora_assets.training.training_data import TrainingData, scenario_data, unified_data
from slora_assets.validation.metrics.scorer import scorer_identity

_SEEDS: Final = 1
"""Of the seeds of validation, how many epochs draw with."""

TRAINING_VERSION: Final = 3
"""Raise it when a change of the code changes the bytes of an adapter or of its metrics."""


@dataclass(frozen=True)
class SamplingPlan:
    """What each epoch draws: every prompt with every seed."""

    prompts: tuple[Prompt, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class RunPlan:
    """One run, decided but not started."""

    name: str
    """A scenario's, or `UNIFIED`."""
    folder: RunFolder
    settings: TrainingSettings
    data: TrainingData
    base: VideoBase
    scorer: dict[str, Any]
    """Which scorer exactly: see `scorer_identity`."""
    sampling: SamplingPlan
    prompts_file: ValidationPrompts
    """What `sampling` was taken from."""

    @property
    def scenario(self) -> str | None:
        """The scenario of a scenario's run; None for the unified one."""
        return None if self.name == UNIFIED else self.name

    @property
    def identity(self) -> BaseIdentity:
        """Which base exactly."""
        return self.base.identity()

    @cached_property
    def config_hash(self) -> str:
        """Over the resolved recipe."""
        return object_hash(self.settings.resolved())

    @cached_property
    def run_hash(self) -> str:
        """Over everything that decides the run's bytes."""
        return object_hash(
            {
                "version": TRAINING_VERSION,
                "config": self.config_hash,
                "dataset": self.data.dataset_hash,
                "scenarios": list(self.data.scenarios),
                "base": self.identity.model_dump(mode="json"),
                "scorer": self.scorer,
                "prompts": [[prompt.id, prompt.text] for prompt in self.sampling.prompts],
                "seeds": list(self.sampling.seeds),
            }
        )

    def prompts(self) -> set[str]:
        """Every text that is trained with or sampled."""
        trained = {prompt for clip in self.data.clips for prompt in clip.prompts}
        return trained | {prompt.text for prompt in self.sampling.prompts}

    def is_complete(self, workspace: Workspace) -> bool:
        """Does a finished run with this very hash stand, adapters and all, as its stage left it?"""
        folder = self.folder.final
        if not (folder / RUN_RECORD).is_file():
            return False
        try:
            refuse_changed(workspace, folder / RUN_RECORD, remedy="train again")
            record = read_run_record(folder)
        except SloraError:
            return False
        adapters = all((folder / kept.path / ADAPTER_FILE).is_file() for kept in record.kept)
        return record.run_hash == self.run_hash and adapters


def keep_inputs(workspace: Workspace, plan: RunPlan) -> None:
    """Put what the run was made from into its folder: others may stand there later."""
    inputs = plan.folder.partial / RUN_INPUTS
    for scenario in plan.data.scenarios:
        write_bytes(inputs / f"{scenario}.json", manifest_bytes(workspace.manifest(scenario)))
    prompts = plan.prompts_file.model_dump(mode="json", exclude_unset=True)
    write_json(inputs / RUN_PROMPTS, prompts)  # which is YAML, too


def record_run(workspace: Workspace, plan: RunPlan) -> None:
    """Put a finished run on record, with all that it leaves but its checkpoints."""
    final, names = plan.folder.final, plan.data.scenarios
    manifests = map(workspace.manifest, names)
    caches: tuple[CacheName, ...] = get_args(CacheName)
    indexes = [workspace.cache_index(cache, name) for cache in caches for name in names]
    put_on_record(
        workspace,
        "run",
        final / RUN_RECORD,
        parents=[*manifests, *filter(Path.is_file, indexes)],
        files=sorted(
            one
            for one in final.rglob("*")
            if one.is_file()
            and one.relative_to(final).parts[0] not in (RUN_RECORD, plan.folder.state.name)
        ),
    )


def adopt_run(workspace: Workspace, plan: RunPlan) -> None:
    """Put a finished run on record that a version without a ledger left."""
    if last_record(workspace, plan.folder.final / RUN_RECORD) is None:
        record_run(workspace, plan)


def plan_run(
    workspace: Workspace,
    settings: TrainingSettings,
    prompts: ValidationPrompts,
    scenario: str | None,
    folder: Path,
) -> RunPlan:
    """Plan a scenario's run, or with `scenario=None` the unified one.

    Raises CurationError when there is nothing to train on, MissingInputError for a scenario without
    a manifest, ConfigError for a base or scorer that can't be had.
    """
    data = unified_data(workspace) if scenario is None else scenario_data(workspace, scenario)
    base = open_base(settings.base_model, workspace.models)
    of_each = math.ceil(settings.validation.prompts / len(data.scenarios))
    asked = [
        prompt
        for name in data.scenarios
        for prompt in spread(_asked(workspace, prompts, name, data), of_each)
    ]
    return RunPlan(
        name=scenario or UNIFIED,
        folder=RunFolder(folder),
        settings=settings,
        data=data,
        base=base,
        scorer=scorer_identity(settings.scorer, workspace.models),
        sampling=SamplingPlan(tuple(asked), tuple(prompts.seeds[:_SEEDS])),
        prompts_file=prompts,
    )


def _asked(
    workspace: Workspace, prompts: ValidationPrompts, scenario: str, data: TrainingData
) -> list[Prompt]:
    """A scenario's prompts. Raises ConfigError where there are none: no epoch could be measured."""
    found = prompts_of(prompts, scenario, data.clips)
    if not found:
        raise ConfigError(
            "the scenario has no prompt to be sampled with",
            file=workspace.validation_prompts,
            key=f"scenarios.{scenario}",
            remedy=f"write some there, or let `slora prompts write {scenario}` do it",
        )
    return found

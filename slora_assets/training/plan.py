"""What a run would do: its clips, settings and the hash that says whether it was done already.

Needs neither torch nor a GPU, so that Dagster can ask before it starts a trainer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slora_assets.base_models.base import BaseIdentity, BaseModel
from slora_assets.base_models.registry import open_base
from slora_assets.config.errors import ConfigError, CurationError, MissingInputError, SloraError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import eligible_clips
from slora_assets.curation.metadata import Clip, ScenarioMetadata, dataset_hash, read_metadata
from slora_assets.footage.quarantine import read_quarantine
from slora_assets.latents.cache import latent_key, text_file, text_key
from slora_assets.provenance.hashing import object_hash
from slora_assets.provenance.records import ADAPTER_FILE, RUN_RECORD, read_run_record
from slora_assets.validation.prompts import Prompt, ValidationPrompts, prompts_of, spread
from slora_assets.validation.scorer import scorer_identity

TRAINING_VERSION = 2
"""Raise it when a change of the code changes the bytes of an adapter or of its metrics."""

UNIFIED = "lora_unified"


@dataclass(frozen=True)
class RunPlan:
    """One run, decided but not started."""

    name: str
    scenarios: tuple[str, ...]
    left_out: dict[str, str]
    folder: Path
    settings: TrainingSettings
    config_hash: str
    metadata: ScenarioMetadata
    clips: tuple[Clip, ...]
    dropped: dict[str, str]
    dataset_hash: str
    base: BaseModel
    identity: BaseIdentity
    scorer: dict[str, Any]
    prompts: tuple[Prompt, ...]
    seeds: tuple[int, ...]
    run_hash: str

    @property
    def scenario(self) -> str | None:
        """The scenario of a scenario's run; None for the unified one."""
        return None if self.name == UNIFIED else self.name

    @property
    def partial(self) -> Path:
        """Where the run works; renamed to `folder` when it is complete."""
        return self.folder.with_name(f".{self.folder.name}.partial")

    def train_clips(self) -> list[Clip]:
        """Clips that are trained on, by id."""
        return [clip for clip in self.clips if clip.split == "train"]

    def validation_clips(self) -> list[Clip]:
        """Held-out clips, by id, at most as many a scenario as the settings say."""
        limit = self.settings.validation.max_clips
        held_out = [clip for clip in self.clips if clip.split == "validation"]
        return [
            clip
            for scenario in self.scenarios
            for clip in [c for c in held_out if c.scenario == scenario][:limit]
        ]

    def is_complete(self) -> bool:
        """Does a finished run with this very hash stand, adapters and all?"""
        if not (self.folder / RUN_RECORD).is_file():
            return False
        try:
            record = read_run_record(self.folder)
        except SloraError:
            return False
        adapters = all((self.folder / kept.path / ADAPTER_FILE).is_file() for kept in record.kept)
        return record.run_hash == self.run_hash and adapters


def plan_run(
    workspace: Workspace,
    settings: TrainingSettings,
    prompts: ValidationPrompts,
    scenario: str | None,
    folder: Path,
    metadata_file: Path | None = None,
) -> RunPlan:
    """Plan a scenario's run, or with `scenario=None` the unified one.

    Raises CurationError when there is nothing to train on, ConfigError for a base or scorer that
    can't be had.
    """
    file = metadata_file or workspace.scenario_metadata
    metadata = read_metadata(file)
    if scenario is not None:
        chosen = eligible_clips(metadata, scenario, file)
        left_out: dict[str, str] = {}
        scenarios: tuple[str, ...] = (scenario,)
    else:
        chosen, left_out = _all_eligible(metadata, file)
        scenarios = tuple(dict.fromkeys(c.scenario for c in chosen))
    clips, dropped = _without_quarantined(workspace, chosen)
    for split in ("train", "validation"):
        if not any(clip.split == split for clip in clips):
            raise CurationError(
                f"no usable {split} clip is left",
                file=file,
                key=scenario or UNIFIED,
                found=f"{len(dropped)} clips in quarantine",
                remedy=f"see {workspace.quarantine}",
            )
    base = open_base(settings.base_model, workspace.models)
    identity = base.identity()
    scorer = scorer_identity(settings.scorer, workspace.models)
    asked = [
        prompt
        for name in scenarios
        for prompt in spread(prompts_of(prompts, name, clips), settings.validation.prompts)
    ]
    config_hash, clips_hash = object_hash(settings.resolved()), dataset_hash(clips)
    run_hash = object_hash(
        {
            "version": TRAINING_VERSION,
            "config": config_hash,
            "dataset": clips_hash,
            "scenarios": list(scenarios),
            "base": identity.model_dump(mode="json"),
            "scorer": scorer,
            "prompts": [[prompt.id, prompt.text] for prompt in asked],
            "seeds": prompts.seeds,
        }
    )
    return RunPlan(
        name=scenario or UNIFIED,
        scenarios=scenarios,
        left_out=left_out,
        folder=folder,
        settings=settings,
        config_hash=config_hash,
        metadata=metadata,
        clips=tuple(clips),
        dropped=dropped,
        dataset_hash=clips_hash,
        base=base,
        identity=identity,
        scorer=scorer,
        prompts=tuple(asked),
        seeds=tuple(prompts.seeds),
        run_hash=run_hash,
    )


def check_caches(plan: RunPlan, workspace: Workspace) -> None:
    """Raise MissingInputError naming how many cache files a run lacks, before anything is loaded.

    Keys are checked when each file is read.
    """
    lacking = [c.latent for c in plan.clips if not (workspace.root / c.latent).is_file()]
    texts = {prompt for clip in plan.clips for prompt in clip.prompts}
    texts |= {prompt.text for prompt in plan.prompts} | {""}
    for text in sorted(texts):
        path = text_file(workspace.text_embeddings, text, plan.identity)
        if not path.is_file():
            lacking.append(workspace.relative(path))
    if lacking:
        raise MissingInputError(
            f"{len(lacking)} cache files are missing",
            file=workspace.root / lacking[0],
            remedy="run `make preprocess`",
        )


def cache_keys(plan: RunPlan, clip: Clip) -> dict[str, Any]:
    """The key that a clip's latent must have for this run."""
    return latent_key(clip, plan.identity, plan.base.geometry)


def prompt_key(plan: RunPlan, prompt: str) -> dict[str, Any]:
    """The key that a prompt's embedding must have for this run."""
    return text_key(prompt, plan.identity)


def _all_eligible(metadata: ScenarioMetadata, file: Path) -> tuple[list[Clip], dict[str, str]]:
    clips: list[Clip] = []
    left_out: dict[str, str] = {}
    for name, entry in metadata.scenarios.items():
        if entry.shortfall:
            left_out[name] = entry.shortfall
        else:
            clips += metadata.of_scenario(name)
    if not clips:
        raise CurationError(
            "no scenario reaches its minimum counts",
            file=file,
            found=left_out,
            remedy="add footage, or lower the minimums in the scenarios' YAML",
        )
    return sorted(clips, key=lambda clip: clip.id), left_out


def _without_quarantined(
    workspace: Workspace, clips: list[Clip]
) -> tuple[list[Clip], dict[str, str]]:
    bad = read_quarantine(workspace.quarantine)
    dropped = {
        clip.id: bad[clip.id, clip.sha256].reason for clip in clips if (clip.id, clip.sha256) in bad
    }
    kept = [clip for clip in clips if clip.id not in dropped and clip.split != "test"]
    if len(kept) == 0:
        raise ConfigError("no clip is left to train on", found=dropped)
    return kept, dropped

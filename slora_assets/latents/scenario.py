"""A scenario's two caches: which clips and prompts they hold, and how they are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from slora_assets.base_models.base import BaseModel
from slora_assets.base_models.registry import open_base
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.manifest import scenario_clips
from slora_assets.curation.metadata import Clip
from slora_assets.footage.first_frames import CacheResult
from slora_assets.latents.stage import (
    Progress,
    cache_latents,
    cache_text,
    standing_latents,
    standing_text,
)
from slora_assets.validation.prompts import prompts_of, read_prompts

CacheName = Literal["latents", "embeddings"]
CACHES: Final[tuple[CacheName, ...]] = ("latents", "embeddings")


@dataclass(frozen=True)
class ScenarioCache:
    """One of the two caches of a scenario, for the active recipe's base."""

    name: CacheName
    workspace: Workspace
    scenario: str

    @property
    def folder(self) -> Path:
        """Where the cache's files lie."""
        inside = self.workspace
        return inside.latents / self.scenario if self._of_clips else inside.text_embeddings

    def standing(self) -> CacheResult | None:
        """What making it would say if nothing were to be done, else None. Imports no model.

        Raises CurationError for a scenario with too few clips, ConfigError, MissingInputError.
        """
        if self._of_clips:
            return standing_latents(self._clips(), self._base(), self.workspace.root)
        return standing_text(self._prompts(), self._base(), self.workspace.text_embeddings)

    def make(self, device: str, progress: Progress | None = None) -> CacheResult:
        """Encode what doesn't stand; `device` is torch's name of one. Raises as `standing` does."""
        inside = self.workspace
        if self._of_clips:
            return cache_latents(
                self._clips(), self._base(), inside.root, inside.quarantine, device, progress
            )
        return cache_text(self._prompts(), self._base(), inside.text_embeddings, device, progress)

    @property
    def _of_clips(self) -> bool:
        return self.name == "latents"

    def _base(self) -> BaseModel:
        recipe = read_settings(self.workspace.training_config, TrainingSettings)
        return open_base(recipe.base_model, self.workspace.models)

    def _clips(self) -> list[Clip]:
        """Clips that training or its validation reads; official test clips are never encoded."""
        clips, _ = scenario_clips(self.workspace, self.scenario)
        return [clip for clip in clips if clip.split != "test"]

    def _prompts(self) -> list[str]:
        """Prompts that training or its validation reads."""
        clips = self._clips()
        asked = prompts_of(read_prompts(self.workspace.validation_prompts), self.scenario, clips)
        return [p for clip in clips for p in clip.prompts] + [prompt.text for prompt in asked]

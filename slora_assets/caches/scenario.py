"""A scenario's two caches: which clips and prompts they hold, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.embeddings import cache_text, standing_text
from slora_assets.caches.index import write_index
from slora_assets.caches.latents import cache_latents, standing_latents
from slora_assets.caches.result import CacheResult
from slora_assets.caches.shards import InShard
from slora_assets.caches.stores import store_of
from slora_assets.caches.validity import Key, latent_key, text_file, text_key
from slora_assets.config.compute import Compute
from slora_assets.config.data import DatasetSettings
from slora_assets.config.training import read_recipe
from slora_assets.config.validation import ValidationPrompts, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.manifest import check_refused, current_manifest
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.documents import Clip
from slora_assets.processes.device import chosen_device
from slora_assets.processes.progress import ProgressCallback

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

        Raises CurationError for a scenario with too few clips, counting those that can be decoded;
        ConfigError, MissingInputError.
        """
        if self._of_clips:
            inside = self.workspace
            clips, base = self._clips(), self._base()
            found = self._enough(
                standing_latents(clips, base, inside.root, inside.quarantine, self.shard_mib)
            )
        else:
            folder = self.workspace.text_embeddings
            found = standing_text(self._prompts(), self._base(), folder, self.shard_mib)
        if found is not None:
            self._put_on_record()
        return found

    def make(
        self,
        device: str | None,
        progress: ProgressCallback | None = None,
        compute: Compute = "local",
    ) -> CacheResult:
        """Encode what doesn't stand; `device` is torch's name of one, None CUDA where there is one.
        Embeddings are computed in this process. Raises as `standing` does."""
        inside = self.workspace
        if self._of_clips:
            made = cache_latents(
                self._clips(),
                self._base(),
                inside.root,
                inside.quarantine,
                device,
                progress,
                self.shard_mib,
                compute,
            )
            self._enough(made)
        else:
            folder = inside.text_embeddings
            made = cache_text(
                self._prompts(),
                self._base(),
                folder,
                chosen_device(device),
                progress,
                self.shard_mib,
            )
        self._put_on_record()
        return made

    def _put_on_record(self) -> None:
        inside, base = self.workspace, self._base()
        made_by = base.identity()
        if self._of_clips:
            clips = {clip.id: clip for clip in self._clips()}
            files = {name: inside.absolute(clip.latent) for name, clip in clips.items()}

            def key_of(name: str) -> Key:
                return latent_key(clips[name], made_by, base.geometry)

            listed = self._where(files, key_of, "moments")
            write_index(inside, "latents", self.scenario, listed, made_by)
        else:
            prompts, folder = sorted({"", *self._prompts()}), inside.text_embeddings
            files = {one: text_file(folder, one, made_by) for one in prompts}
            listed = self._where(files, lambda one: text_key(one, made_by), "embedding")
            write_index(inside, "prompt_embeddings", self.scenario, listed, made_by)

    def _where(
        self, files: dict[str, Path], key_of: Callable[[str], Key], array: str
    ) -> Mapping[str, Path | InShard]:
        """What the index says of each array, by the file that it has or would have."""
        if not files or not self.shard_mib:
            return files
        store = store_of(next(iter(files.values())).parent, array, self.shard_mib)
        return {name: store.where(file, key_of(name)) for name, file in files.items()}

    @cached_property
    def shard_mib(self) -> int:
        """How the cache's arrays lie on disk: see `DatasetSettings`."""
        return read_settings(self.workspace.dataset_file, DatasetSettings).shard_mib

    @property
    def _of_clips(self) -> bool:
        return self.name == "latents"

    def _base(self) -> VideoBase:
        recipe = read_recipe(self.workspace.training_config)
        return open_base(recipe.base_model, self.workspace.models)

    def _enough(self, result: CacheResult | None) -> CacheResult | None:
        """Raise CurationError when too many of the clips were refused."""
        if result is not None and result.quarantined:
            inside = self.workspace
            share = read_settings(inside.dataset_file, DatasetSettings).max_reject_share
            refused = {one.clip_id: one.reason for one in result.quarantined}
            check_refused(current_manifest(inside, self.scenario), refused, share, inside)
        return result

    def _clips(self) -> list[Clip]:
        return current_manifest(self.workspace, self.scenario).usable()

    def _prompts(self) -> list[str]:
        settings = read_validation_prompts(self.workspace.validation_prompts)
        return prompts_read(settings, self.scenario, self._clips())


def prompts_read(settings: ValidationPrompts, scenario: str, clips: Sequence[Clip]) -> list[str]:
    """Prompts of a scenario that training or its validation reads."""
    asked = prompts_of(settings, scenario, clips)
    return [p for clip in clips for p in clip.prompts] + [prompt.text for prompt in asked]

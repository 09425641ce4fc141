"""What a run learns from and is measured on: the clips of its scenarios' manifests."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import cached_property

from slora_assets.config.errors import ConfigError, CurationError
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.curation.leaks import refuse_leaks
from slora_assets.curation.manifest import current_manifest, dataset_hash
from slora_assets.documents import Clip, DatasetEntry, ScenarioManifest
from slora_assets.footage.quarantine import read_quarantine
from slora_assets.provenance.records import read_metadata


@dataclass(frozen=True)
class TrainingData:
    """The clips of a run, and where they come from."""

    dataset: DatasetEntry
    scenarios: tuple[str, ...]
    left_out: dict[str, str]
    """Scenarios that the unified run could not use, with the reason."""
    descriptions: dict[str, str]
    """Of each scenario, in the words of its settings."""
    clips: tuple[Clip, ...]
    """By id; none that is kept for testing or quarantined."""
    dropped: dict[str, str]
    """Quarantined clips and their reasons."""

    @cached_property
    def dataset_hash(self) -> str:
        """Hash over the clips' identities."""
        return dataset_hash(self.clips)

    def train_clips(self) -> list[Clip]:
        """Clips that are trained on, by id."""
        return [clip for clip in self.clips if clip.split == "train"]

    def validation_clips(self, most: int) -> list[Clip]:
        """Held-out clips, by id, at most so many of each scenario."""
        held_out = [clip for clip in self.clips if clip.split == "validation"]
        return [
            clip
            for scenario in self.scenarios
            for clip in [c for c in held_out if c.scenario == scenario][:most]
        ]

    def trigger_words(self) -> list[str]:
        """Phrases that a scenario's training prompts share beside their captions: its description,
        where the prompt templates use it."""
        prompts = {prompt.casefold() for clip in self.train_clips() for prompt in clip.prompts}
        described = (self.descriptions[name] for name in self.scenarios)
        return [words for words in described if any(words.casefold() in one for one in prompts)]


def scenario_data(workspace: Workspace, scenario: str) -> TrainingData:
    """A scenario's clips. Raises CurationError for too few, and for a manifest older than the
    metadata; MissingInputError, IntegrityError."""
    return _data(workspace, [current_manifest(workspace, scenario)], {}, scenario)


def unified_data(workspace: Workspace) -> TrainingData:
    """The clips of all scenarios that reach their minimum. Raises CurationError when none does."""
    manifests: list[ScenarioManifest] = []
    left_out: dict[str, str] = {}
    for name, entry in read_metadata(workspace.scenario_metadata).scenarios.items():
        if entry.shortfall:
            left_out[name] = entry.shortfall
        else:
            manifests.append(current_manifest(workspace, name))
    if not manifests:
        raise CurationError(
            "no scenario reaches its minimum counts",
            file=workspace.manifests,
            found=left_out,
            remedy="add footage, or lower the minimums in the scenarios' YAML",
        )
    return _data(workspace, manifests, left_out, UNIFIED)


def _data(
    workspace: Workspace, manifests: list[ScenarioManifest], left_out: dict[str, str], run: str
) -> TrainingData:
    chosen = sorted((clip for one in manifests for clip in one.clips), key=lambda clip: clip.id)
    refuse_leaks(chosen, workspace.manifests, run)
    clips, dropped = _without_quarantined(workspace, chosen)
    for split in ("train", "validation"):
        if not any(clip.split == split for clip in clips):
            raise CurationError(
                f"no usable {split} clip is left",
                file=workspace.manifests,
                key=run,
                found=f"{len(dropped)} clips in quarantine",
                remedy=f"see {workspace.quarantine}",
            )
    return TrainingData(
        dataset=manifests[0].dataset,
        # In the order of their first clips, as runs always listed them: their hash depends on it.
        scenarios=tuple(dict.fromkeys(clip.scenario for clip in chosen)),
        left_out=left_out,
        descriptions={one.scenario: one.entry.description for one in manifests},
        clips=tuple(clips),
        dropped=dropped,
    )


def _without_quarantined(
    workspace: Workspace, clips: Iterable[Clip]
) -> tuple[list[Clip], dict[str, str]]:
    bad = read_quarantine(workspace.quarantine)
    clips = list(clips)
    dropped = {
        clip.id: bad[clip.id, clip.sha256].reason for clip in clips if (clip.id, clip.sha256) in bad
    }
    kept = trainable(clips, bad)
    if len(kept) == 0:
        raise ConfigError("no clip is left to train on", found=dropped)
    return kept, dropped


def trainable(clips: Iterable[Clip], bad: Container[tuple[str, str]]) -> list[Clip]:
    """The clips that a run reads: those not kept for testing and not in quarantine (`bad`)."""
    return [clip for clip in clips if clip.split != "test" and (clip.id, clip.sha256) not in bad]

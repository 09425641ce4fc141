"""What a run learns from and is measured on: the clips of its scenarios' manifests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.curation.leaks import refuse_leaks
from slora_assets.curation.manifest import current_manifest, dataset_hash, left_too_few
from slora_assets.documents import Clip, DatasetEntry, ScenarioManifest
from slora_assets.footage.quarantine import Quarantined, read_quarantine
from slora_assets.provenance.curated import curated_now


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
    bad = read_quarantine(workspace.quarantine)
    for name, entry in curated_now(workspace).summary.scenarios.items():
        if entry.shortfall:
            left_out[name] = entry.shortfall
            continue
        manifest = current_manifest(workspace, name)
        short = left_too_few(manifest, _refused(manifest.clips, bad))
        if short is None:
            manifests.append(manifest)
        else:
            left_out[name] = f"{short} without those in quarantine"
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
    bad = read_quarantine(workspace.quarantine)
    dropped = _refused(chosen, bad)
    for one in manifests:
        short = left_too_few(one, dropped)
        if short is not None:
            raise CurationError(
                f"too few usable clips of {one.scenario} are left: {short}",
                file=workspace.manifest(one.scenario),
                key=run,
                found=f"{len(_refused(one.clips, bad))} clips in quarantine",
                remedy=f"see {workspace.quarantine}; repair the clips, then run `make preprocess`",
            )
    return TrainingData(
        dataset=manifests[0].dataset,
        # In the order of their first clips, as runs always listed them: their hash depends on it.
        scenarios=tuple(dict.fromkeys(clip.scenario for clip in chosen)),
        left_out=left_out,
        descriptions={one.scenario: one.entry.description for one in manifests},
        clips=tuple(trainable(chosen, bad)),
        dropped=dropped,
    )


def _refused(clips: Iterable[Clip], bad: Quarantined) -> dict[str, str]:
    """Clips in quarantine, by id, with their reasons."""
    return {clip.id: entry.reason for clip in clips if (entry := bad.of(clip)) is not None}


def trainable(clips: Iterable[Clip], bad: Quarantined) -> list[Clip]:
    """The clips that a run reads: those not kept for testing and not in quarantine (`bad`)."""
    return [clip for clip in clips if clip.split != "test" and bad.of(clip) is None]

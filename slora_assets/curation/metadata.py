"""`scenario_metadata.json`: its model, how it is made from annotations, how it is read.

The document is the contract between curation and everything after: which clips a scenario may
teach, on which side of the split, with which prompts, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.matching import Assignment, ScenarioMatcher
from slora_assets.curation.prompts import prompts_for
from slora_assets.curation.readers import AnnotatedClip
from slora_assets.curation.splits import Split, split_groups
from slora_assets.footage.inventory import Inventory
from slora_assets.provenance.files import read_json
from slora_assets.provenance.hashing import object_hash


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetEntry(_Document):
    """Where the clips come from and what they may be used for."""

    name: str
    licence: str
    use: str
    annotations: dict[str, str]
    """Annotation file name to sha256."""


class MatchingEvidence(_Document):
    """Why a clip belongs to its scenario."""

    matching_captions: list[str]
    captions: int
    also_matched: list[str]


class Clip(_Document):
    """One clip of one scenario."""

    id: str
    source_group: str
    path: str
    sha256: str
    source_start_s: float | None
    source_end_s: float | None
    official_split: str | None
    split: Split
    scenario: str
    evidence: MatchingEvidence
    captions: list[str]
    prompts: list[str]
    first_frame: str
    latent: str

    def identity(self) -> dict[str, object]:
        """What a model learns from: part of every dataset hash."""
        return {
            "id": self.id,
            "sha256": self.sha256,
            "split": self.split,
            "scenario": self.scenario,
            "prompts": self.prompts,
        }


class ScenarioEntry(_Document):
    """A scenario's counts; `shortfall` says what is missing to its minimum, if anything."""

    description: str
    matched: int
    missing: int
    unusable: int
    train: int
    validation: int
    test: int
    min_train_clips: int
    min_validation_clips: int
    shortfall: str | None


class Reject(_Document):
    """A clip that no scenario gets, with its reason code."""

    id: str
    reason: Literal["no_captions", "no_keyword", "too_few_matching_captions", "missing", "unusable"]
    detail: str = ""


class ScenarioMetadata(_Document):
    """The whole document."""

    schema_version: Literal[1] = 1
    dataset: DatasetEntry
    config_hash: str
    dataset_hash: str
    scenarios: dict[str, ScenarioEntry]
    clips: list[Clip]
    rejects: list[Reject]

    def of_scenario(self, scenario: str) -> list[Clip]:
        """The scenario's clips, by id."""
        return [clip for clip in self.clips if clip.scenario == scenario]


def dataset_hash(clips: Iterable[Clip]) -> str:
    """Hash over the clips' identities, whatever their order."""
    return object_hash(sorted((c.identity() for c in clips), key=lambda i: str(i["id"])))


def build_metadata(
    dataset: DatasetSettings,
    scenarios: ScenariosSettings,
    clips: list[AnnotatedClip],
    inventory: Inventory,
    workspace: Workspace,
) -> ScenarioMetadata:
    """Sort annotated clips into scenarios and splits. Pure: reads no file."""
    matcher = ScenarioMatcher(scenarios.scenarios)
    splits = split_groups(clips, dataset.validation_share)
    unusable = {reject.clip_id: reject.reason for reject in inventory.rejects}
    matched: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    kept: list[Clip] = []
    rejects: list[Reject] = []
    for clip in sorted(clips, key=lambda clip: clip.id):
        outcome = matcher.assign(clip.captions)
        if not isinstance(outcome, Assignment):
            detail = f"{outcome.best[0]}: {outcome.best[1]}" if outcome.best else ""
            rejects.append(Reject(id=clip.id, reason=outcome.reason, detail=detail))
            continue
        matched[outcome.scenario] += 1
        if clip.id in unusable:
            broken[outcome.scenario] += 1
            rejects.append(Reject(id=clip.id, reason="unusable", detail=unusable[clip.id]))
        elif clip.id not in inventory.files:
            missing[outcome.scenario] += 1
            rejects.append(Reject(id=clip.id, reason="missing", detail=outcome.scenario))
        else:
            split = splits[clip.source_group]
            kept.append(_clip(clip, outcome, split, dataset, scenarios, inventory, workspace))
    return ScenarioMetadata(
        dataset=DatasetEntry(
            name=dataset.name, licence=dataset.licence, use=dataset.use,
            annotations=inventory.annotations,
        ),
        config_hash=object_hash(scenarios.model_dump(mode="json")),
        dataset_hash=dataset_hash(kept),
        scenarios={
            name: _scenario_entry(name, scenarios, kept, matched, missing, broken)
            for name in scenarios.scenarios
        },
        clips=kept,
        rejects=rejects,
    )  # fmt: skip


def read_metadata(path: Path) -> ScenarioMetadata:
    """Read the document. Raises MissingInputError, IntegrityError (not of its schema)."""
    document = read_json(path, remedy="run `make data`")
    try:
        return ScenarioMetadata.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise IntegrityError(
            f"not a scenario metadata document ({first['msg']})", file=path,
            key=".".join(str(part) for part in first["loc"]), remedy="run `make data` again",
        ) from error  # fmt: skip


def _clip(
    clip: AnnotatedClip,
    outcome: Assignment,
    split: Split,
    dataset: DatasetSettings,
    scenarios: ScenariosSettings,
    inventory: Inventory,
    workspace: Workspace,
) -> Clip:
    matching = [clip.captions[index] for index in outcome.matching]
    file = inventory.files[clip.id]
    return Clip(
        id=clip.id,
        source_group=clip.source_group,
        path=file.path,
        sha256=file.sha256,
        source_start_s=clip.source_start_s,
        source_end_s=clip.source_end_s,
        official_split=clip.official_split,
        split=split,
        scenario=outcome.scenario,
        evidence=MatchingEvidence(
            matching_captions=matching,
            captions=len(clip.captions),
            also_matched=list(outcome.runners_up),
        ),
        captions=list(clip.captions),
        prompts=prompts_for(clip.id, matching, scenarios.scenarios[outcome.scenario]),
        first_frame=workspace.relative(workspace.frames(dataset.name) / f"{clip.id}.png"),
        latent=workspace.relative(workspace.latents / outcome.scenario / f"{clip.id}.npz"),
    )


def _scenario_entry(
    name: str,
    scenarios: ScenariosSettings,
    clips: list[Clip],
    matched: Counter[str],
    missing: Counter[str],
    broken: Counter[str],
) -> ScenarioEntry:
    settings = scenarios.scenarios[name]
    counts = Counter(clip.split for clip in clips if clip.scenario == name)
    wanted = {"train": settings.min_train_clips, "validation": settings.min_validation_clips}
    short = [
        f"{counts[split]} {split} clips of at least {minimum}"  # type: ignore[index]
        for split, minimum in wanted.items()
        if counts[split] < minimum  # type: ignore[index]
    ]
    return ScenarioEntry(
        description=settings.description,
        matched=matched[name],
        missing=missing[name],
        unusable=broken[name],
        train=counts["train"],
        validation=counts["validation"],
        test=counts["test"],
        min_train_clips=settings.min_train_clips,
        min_validation_clips=settings.min_validation_clips,
        shortfall=" and ".join(short) or None,
    )

"""What all exports say, in one place: a run's best adapter, its clips, its base, its verdict, its
licences. From records alone, so that an unchanged workspace gives the same bytes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID, uuid5

from slora_assets.config.errors import SloraError
from slora_assets.config.licences import Licence, Use, licence_of
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.manifest import read_manifest
from slora_assets.deployment.changelog import promotion_of
from slora_assets.deployment.permission import Parent, most_use, parents_of
from slora_assets.deployment.taint import taint_of
from slora_assets.documents import (
    ADAPTER_FILE,
    RUN_CONFIG,
    RUN_INPUTS,
    RUN_RECORD,
    AdapterRecord,
    Clip,
    DatasetEntry,
    LoggedChange,
    RunRecord,
    RunVerdict,
    TrainedClip,
)
from slora_assets.provenance.ledger import last_record, refuse_unrecorded
from slora_assets.provenance.records import read_adapter_record, read_run_record, read_verdict

_MEDIA_TYPES: Final = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/matroska",
    ".avi": "video/x-msvideo",
    ".gif": "image/gif",
}
_NAMESPACE: Final = UUID("5d1c4a5e-2f0b-5c58-9d7e-6a1b5c0f7a11")


@dataclass(frozen=True)
class FootageFile:
    """A video file that clips of a run are in."""

    path: str
    """Relative to the workspace; of footage outside of it the name alone."""
    sha256: str
    licence: Licence
    clips: tuple[TrainedClip, ...]
    """Those in it."""

    @property
    def media_type(self) -> str:
        """By its ending; others are said to be bytes."""
        return _MEDIA_TYPES.get(PurePath(self.path).suffix.lower(), "application/octet-stream")


@dataclass(frozen=True)
class Exported:
    """A run and its best adapter."""

    workspace: Workspace
    folder: Path
    record: RunRecord
    adapter: AdapterRecord
    recipe: TrainingSettings
    dataset: DatasetEntry | None
    """As it was when the run was trained; None where no input was kept."""
    clips: dict[str, Clip]
    """As curated then, by id; of runs that kept no inputs none."""
    verdict: RunVerdict | None
    """On this very adapter."""
    promotion: LoggedChange | None
    parents: list[Parent]
    time: str
    """When the run was put on record, which is the latest time that an export tells."""

    @property
    def name(self) -> str:
        """Of the run: a scenario's, or that of the unified one."""
        return self.record.run

    @property
    def use(self) -> Use:
        """What licences allow."""
        return most_use(self.parents)

    @property
    def seconds(self) -> str:
        """The time without its fraction, which some standards don't take."""
        return f"{self.time[:19]}Z"

    @property
    def weights(self) -> Path:
        """The adapter's file."""
        return self.folder / self.record.best.path / ADAPTER_FILE

    @property
    def title(self) -> str:
        """The adapter's name."""
        return f"slora-{self.name.replace('_', '-')}"

    @property
    def base_licence(self) -> Licence:
        """Of the base."""
        return licence_of(str(self.record.base.get("licence") or ""))

    @property
    def dataset_licence(self) -> Licence:
        """Of the footage, where a clip has none of its own."""
        return licence_of(self.record.licence)

    def id(self, *names: str) -> UUID:
        """An id that is always the same for the same thing of the same run."""
        return uuid5(_NAMESPACE, "\n".join([self.record.run_hash, self.adapter.sha256, *names]))

    @cached_property
    def files(self) -> list[FootageFile]:
        """The footage, by path."""
        found: dict[str, list[TrainedClip]] = {}
        for clip in self.record.clips:
            curated = self.clips.get(clip.id)
            path = PurePath(curated.path if curated else f"{clip.id}.mp4")
            shown = path.name if path.is_absolute() else path.as_posix()
            found.setdefault(shown, []).append(clip)
        return [
            FootageFile(path, clips[0].sha256, self.licence_of(clips[0]), tuple(clips))
            for path, clips in sorted(found.items())
        ]

    def licence_of(self, clip: TrainedClip) -> Licence:
        """A clip's own licence, or the dataset's."""
        return licence_of(clip.licence) if clip.licence is not None else self.dataset_licence


def exported(workspace: Workspace, name: str) -> Exported:
    """A scenario's run, or the unified one.

    Raises MissingInputError, or IntegrityError where a record or the adapter isn't what its stage
    left.
    """
    scenario = None if name in (UNIFIED, "unified") else name
    folder = workspace.run_of(scenario)
    record = read_run_record(folder)
    file = folder / RUN_RECORD
    refuse_unrecorded(workspace, file, remedy="train the run again")
    logged = last_record(workspace, file)
    assert logged is not None, "which was refused"
    adapter = read_adapter_record(folder / record.best.path)
    manifests = [
        read_manifest(one)
        for one in sorted((folder / RUN_INPUTS).glob("*.json"))
        if one.stem in record.scenarios
    ]
    return Exported(
        workspace=workspace,
        folder=folder,
        record=record,
        adapter=adapter,
        recipe=read_settings(folder / RUN_CONFIG, TrainingSettings),
        dataset=manifests[0].dataset if manifests else None,
        clips={clip.id: clip for one in manifests for clip in one.clips},
        verdict=_verdict(workspace, record),
        promotion=promotion_of(workspace.changelog, record.run, adapter.sha256),
        parents=parents_of(workspace, folder),
        time=logged.time,
    )


def _verdict(workspace: Workspace, record: RunRecord) -> RunVerdict | None:
    try:
        verdict = read_verdict(workspace, record.run)
    except SloraError:
        return None
    return verdict if verdict.adapter_sha256 == record.best.sha256 else None


def path_url(path: str) -> str:
    """A path as a relative address."""
    return quote(path)


def scenarios_of(run: Exported) -> str:
    """What it was trained for, in words."""
    return ", ".join(name.replace("_", " ") for name in run.record.scenarios)


def hyperparameters(run: Exported) -> dict[str, str]:
    """What the adapter was trained with, by name."""
    recipe = run.recipe
    found: dict[str, Any] = {
        "rank": run.adapter.rank,
        "alpha": run.adapter.alpha,
        "targets": " ".join(run.adapter.targets),
        "epochs": run.record.epochs,
        "epoch kept": run.adapter.epoch,
        "steps": run.adapter.step,
        "batch size": recipe.batch_size,
        "learning rate": recipe.optimizer.learning_rate,
        "optimizer": recipe.optimizer.kind,
        "caption dropout": recipe.caption_dropout,
        "precision": recipe.precision,
        "seed": recipe.seed,
    }
    return {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in found.items()
    }


def scores(run: Exported) -> dict[str, float]:
    """Metrics of the adapter: the verdict's where there is one, else the run's own."""
    found = run.verdict.adapter_scores if run.verdict is not None else run.adapter.metrics
    return {
        name: float(value)
        for name, value in sorted(found.items())
        if isinstance(value, int | float)
    }


def preprocessing(run: Exported) -> list[str]:
    """What was done to the footage, in sentences."""
    base = run.record.base.get("name")
    return [
        "Clips were sorted into scenarios by keywords in their captions; the evidence is kept with"
        " each clip.",
        "Clips of one source stand on one side of the split between training and validation.",
        "Each clip was decoded, rotated and scaled as its file says, and encoded by the VAE of"
        f" {base}.",
        "Captions were put into the scenario's prompt templates and encoded by the base's text"
        " encoder.",
    ]


def limitations(run: Exported) -> list[str]:
    """What to know before using it, in sentences."""
    found = [run.record.scores_note] if run.record.scores_note else []
    taint = taint_of(run.workspace, run.adapter.sha256)
    if taint is not None:
        found.append(f"It must not be served: {taint.what}.")
    if run.verdict is None:
        found.append("No verdict on this adapter is on record.")
    else:
        gate = run.verdict.gate
        found.append(f"The gate's answer is {gate.answer}: {' '.join(gate.reasons)}")
    found.append(f"Licences of what it was made from allow {run.use} use at most.")
    found += [one.told for one in run.parents if one.allows == run.use and run.use != "commercial"]
    return found

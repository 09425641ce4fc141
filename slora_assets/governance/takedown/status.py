"""What is left of what was taken down: files, adapters, presets, clips of theirs, and runs that are
to be trained again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.curation.taken_down import footage_of
from slora_assets.deployment.changelog import one_line
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.registry import registered
from slora_assets.deployment.taint import taint_of
from slora_assets.documents import Clip, LoggedTakedown
from slora_assets.governance.takedown.known import look_up, metadata_of, originals
from slora_assets.governance.takedown.stage import taken_files
from slora_assets.governance.takedown.traces import Traces
from slora_assets.provenance import read_json
from slora_assets.provenance.takedowns import read_takedowns
from slora_assets.training.training_data import scenario_data, unified_data

RETRAIN = "make data preprocess train-scenarios train validate summary"
"""What trains again whatever is to be, and nothing else: what stands is not done twice."""
_SHOWN = 8


@dataclass(frozen=True)
class Left:
    """What is left, found anew; everything is empty where nothing was taken down."""

    takedowns: tuple[LoggedTakedown, ...] = ()
    traces: dict[str, list[Path]] = field(default_factory=dict)
    """Files that a takedown erases and that are there, by kind."""
    footage: list[str] = field(default_factory=list)
    """Original files, or their URLs."""
    curated: list[str] = field(default_factory=list)
    """Documents that still name its clips."""
    prompts: list[str] = field(default_factory=list)
    """Prompts of the file of prompts that say what its captions said."""
    adapters: list[str] = field(default_factory=list)
    """Tainted: their folders."""
    presets: list[str] = field(default_factory=list)
    """Scenarios whose preset names one."""
    artifacts: list[Path] = field(default_factory=list)
    """Clips that the service generated with one."""
    runs: list[str] = field(default_factory=list)
    """To be trained again."""
    unfinished: list[str] = field(default_factory=list)
    """Trainings that were begun with it."""


def what_is_left(workspace: Workspace) -> Left:
    """Look. Raises IntegrityError for a list that isn't whole."""
    takedowns = read_takedowns(workspace)
    if not takedowns:
        return Left()
    dataset, _ = read_dataset(workspace.dataset_file)
    traces = Traces(workspace, takedowns, metadata_of(dataset, workspace))
    tainted = list(_tainted(workspace, traces))
    hashes = {sha256 for _, sha256 in tainted}
    presets = read_presets(workspace.presets).presets
    return Left(
        takedowns=takedowns,
        traces=traces.found(),
        footage=originals(workspace, taken_files(workspace, look_up(dataset, workspace))),
        curated=list(_still_named(workspace, traces)),
        prompts=traces.still_asked(),
        adapters=sorted({workspace.relative(folder) for folder, _ in tainted}),
        presets=sorted(
            name
            for name, one in presets.items()
            if one.sha256 and (one.sha256 in hashes or taint_of(workspace, one.sha256))
        ),
        artifacts=list(_artifacts(workspace, hashes)),
        runs=sorted(
            workspace.relative(folder)
            for folder in traces.runs
            if not folder.is_relative_to(workspace.registry)
        ),
        unfinished=list(_unfinished(workspace)),
    )


def _tainted(workspace: Workspace, traces: Traces) -> Iterator[tuple[Path, str]]:
    """Folders and hashes: what runs kept, and what is registered."""
    for folder, run in traces.runs.items():
        if not folder.is_relative_to(workspace.registry):
            yield from ((folder / kept.path, kept.sha256) for kept in run.kept)
    for folder, record in registered(workspace):
        if taint_of(workspace, record.sha256) is not None:
            yield folder, record.sha256


def _still_named(workspace: Workspace, traces: Traces) -> Iterator[str]:
    def named(clips: Iterable[Clip]) -> bool:
        return any(traces.rule.why(footage_of(clip)) for clip in clips)

    if traces.curated is None:
        return
    if named(traces.curated.clips()):
        yield workspace.relative(workspace.scenario_metadata)
    for name in traces.curated.summary.scenarios:
        file = workspace.manifest(name)
        if file.is_file() and named(read_manifest(file).clips):
            yield workspace.relative(file)


def _artifacts(workspace: Workspace, hashes: set[str]) -> Iterator[Path]:
    for sidecar in sorted(workspace.artifacts.glob("*.json")):
        try:
            made = read_json(sidecar, remedy="")
        except SloraError:
            continue
        if isinstance(made, dict) and made.get("adapter_sha256") in hashes:
            yield sidecar.with_suffix(".mp4")


def _unfinished(workspace: Workspace) -> Iterator[str]:
    """Working folders of runs whose clips are not those that there are now."""
    for file in sorted((workspace.root / "checkpoints").rglob(".*.partial/begun_with.json")):
        name = file.parent.name.removeprefix(".").removesuffix(".partial")
        begun = read_json(file, remedy="delete the folder")
        facts = begun.get("facts") if isinstance(begun, dict) else None
        try:
            data = unified_data(workspace) if name == UNIFIED else scenario_data(workspace, name)
            now = data.dataset_hash
        except SloraError:
            now = None
        if isinstance(facts, dict) and facts.get("dataset") != now:
            yield workspace.relative(file.parent)


def left_lines(left: Left, workspace: Workspace) -> list[str]:
    """The same as a person reads it."""
    if not left.takedowns:
        return ["nothing was ever taken down"]
    lines = [_entry_line(one) for one in left.takedowns]
    found: list[tuple[str, list[str], str]] = [
        (f"{kind} still there", _paths(files, workspace), "run the same `slora takedown` again")
        for kind, files in left.traces.items()
    ]
    found += [
        ("documents that still name its clips", left.curated, "run `make data preprocess`"),
        (
            "original footage still there",
            left.footage,
            "delete it, or add --delete-footage where it is no URL, which is only read; captions in"
            " annotations are yours to delete",
        ),
        (
            "prompts that its captions say too",
            left.prompts,
            f"edit {workspace.relative(workspace.validation_prompts)}",
        ),
        ("tainted adapters", left.adapters, "they are neither promoted nor served; train again"),
        (
            "presets that name a tainted adapter",
            left.presets,
            "the service refuses them; promote an adapter that is trained again, or demote",
        ),
        (
            "clips that the service made with a tainted adapter",
            _paths(left.artifacts, workspace),
            "delete them, each with its .json, where they must not be shown",
        ),
        ("runs to train again", left.runs, f"run `{RETRAIN}`"),
        (
            "unfinished trainings with other clips than there are now",
            left.unfinished,
            "add RESTART=1 to the command that trains, which begins them anew",
        ),
    ]
    open_ends = [(what, items, remedy) for what, items, remedy in found if items]
    for what, items, remedy in open_ends:
        more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
        lines.append(f"{what}: {', '.join(items[:_SHOWN])}{more}. Remedy: {remedy}.")
    if not open_ends:
        lines.append("no file of it is left, and no adapter that saw it")
    return [*lines, *_history_line(workspace)]


def _history_line(workspace: Workspace) -> list[str]:
    """What can't be looked at from here."""
    home = Path(os.environ.get("DAGSTER_HOME") or workspace.root / ".dagster")
    if not (home / "history").is_dir():
        return []
    return [
        f"Dagster's history in {home} may show small pictures of it (`examples` of first_frames,"
        " `footage` of verdicts): wipe the materializations of these assets in the UI"
    ]


def _entry_line(one: LoggedTakedown) -> str:
    what = "refused ahead" if one.ahead else f"{len({clip.id for clip in one.clips})} clips"
    return one_line(f"taken down: {one.asked} ({what}) by {one.by}: {one.reason}")


def _paths(files: list[Path], workspace: Workspace) -> list[str]:
    return [workspace.relative(file) for file in files]

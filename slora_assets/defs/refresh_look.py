"""What the sensor sees: footage and settings now, what adapters record, what runs are about.

Reads only. Documents are read once for as long as they don't change, because a tick comes every
half minute.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

import dagster as dg

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.last_look import last_look, settings_hash
from slora_assets.curation.manifest import dataset_hash
from slora_assets.defs.refresh_decision import (
    FOOTAGE,
    Look,
    Past,
    PastRun,
    ScenarioLook,
)
from slora_assets.documents import RUN_RECORD, VERDICT_FILE
from slora_assets.footage.listing import listing_hash
from slora_assets.footage.quarantine import read_quarantine
from slora_assets.provenance import file_stamp
from slora_assets.provenance.curated import curated_at
from slora_assets.provenance.records import read_run_record, read_verdict
from slora_assets.training.training_data import trainable

FOR: Final = "slora/refresh_of"
"""Tag of the sensor's runs: a scenario, or `footage`."""
WANTED: Final = "slora/wanted"
"""Tag of the sensor's runs: the hash that the run is to reach."""
PARTITION: Final = "dagster/partition"

_OVER_FOOTAGE: Final = ("data", "refresh")
"""Jobs whose runs write the metadata."""
_UNFINISHED: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_SEEN_BACK: Final = 20


def look_around(
    workspace: Workspace,
    dataset: DatasetSettings,
    scenarios: ScenariosSettings,
    loaded: Sequence[str],
    instance: dg.DagsterInstance,
) -> Look:
    """One look. Raises SloraError or FileNotFoundError when the footage can't be listed."""
    curated = last_look(workspace)
    found = _scenarios(workspace, scenarios)
    undone = [name for name, one in found.items() if one.recorded != one.wanted]
    return Look(
        listing=listing_hash(dataset, workspace),
        settings=settings_hash(dataset, scenarios, workspace),
        curated=(curated.listing, curated.settings) if curated else ("", ""),
        scenarios=found,
        loaded=loaded,
        busy=_busy(instance),
        past={name: _past(instance, name) for name in (FOOTAGE, *undone)},
    )


def tags_of(scenario: str, wanted: str) -> dict[str, str]:
    """What a requested run is known by later."""
    return {FOR: scenario or "footage", WANTED: wanted}


def _scenarios(workspace: Workspace, scenarios: ScenariosSettings) -> dict[str, ScenarioLook]:
    file = workspace.scenario_metadata
    if not file.is_file():
        return {}
    wanted = _wanted(file, file_stamp(file), workspace.quarantine, file_stamp(workspace.quarantine))
    return {
        name: ScenarioLook(digest, _recorded(workspace, name), shortfall)
        for name, (digest, shortfall) in wanted.items()
        if name in scenarios.active
    }


@lru_cache(maxsize=1)
def _wanted(
    file: Path, stamp: tuple[int, ...], quarantined: Path, quarantine_stamp: tuple[int, ...]
) -> Mapping[str, tuple[str, str | None]]:
    """Of each scenario the hash of what a training would read now, and its shortfall."""
    curated, bad = curated_at(file), read_quarantine(quarantined)
    found = {}
    for name, entry in curated.summary.scenarios.items():
        clips = trainable(curated.of_scenario(name), bad)
        missing = entry.shortfall or (None if clips else "all its clips are in quarantine")
        found[name] = dataset_hash(clips), missing
    return found


def _recorded(workspace: Workspace, scenario: str) -> str | None:
    """The dataset hash of a scenario's adapter, if that has a verdict."""
    record = workspace.scenario_run(scenario) / RUN_RECORD
    verdict = workspace.validation(scenario) / VERDICT_FILE
    with suppress(SloraError):
        return _judged(workspace, scenario, file_stamp(record), file_stamp(verdict))
    return None


@lru_cache(maxsize=1024)
def _judged(
    workspace: Workspace,
    scenario: str,
    record_stamp: tuple[int, ...],
    verdict_stamp: tuple[int, ...],
) -> str | None:
    record = read_run_record(workspace.scenario_run(scenario))
    verdict = read_verdict(workspace, scenario)
    return record.dataset_hash if verdict.adapter_sha256 == record.best.sha256 else None


def _busy(instance: dg.DagsterInstance) -> dict[str, str]:
    found: dict[str, str] = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        short = run.run_id[:8]
        if run.job_name in _OVER_FOOTAGE and not run.asset_selection:
            found[FOOTAGE] = short
        if PARTITION in run.tags:
            found[run.tags[PARTITION]] = short
    return found


def _past(instance: dg.DagsterInstance, name: str) -> Past:
    ours = dg.RunsFilter(tags={FOR: name or "footage"})
    records = instance.get_run_records(ours, limit=_SEEN_BACK)
    if not records:
        return Past()
    return Past(instance.get_runs_count(ours), [_past_run(record) for record in records])


def _past_run(record: dg.RunRecord) -> PastRun:
    run = record.dagster_run
    ended = record.end_time or record.update_timestamp.timestamp()
    if not run.is_finished:
        return PastRun(run.tags[WANTED], "running", ended)
    succeeded = run.status == dg.DagsterRunStatus.SUCCESS
    return PastRun(run.tags[WANTED], "succeeded" if succeeded else "failed", ended)

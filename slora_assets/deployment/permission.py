"""What an adapter may be used for: as much as the strictest of what it was made from allows.

Asked anew each time. Of footage that is still curated it is what the metadata say now, so that a
licence which turns out to be another one holds from then on; of other footage, and of the base,
what the run recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from slora_assets.config.errors import GateError, SloraError
from slora_assets.config.licences import Licence, Use, licence_of, rank, strictest, use_of
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import promotion_of
from slora_assets.documents import (
    RUN_INPUTS,
    RUN_RECORD,
    Clip,
    DatasetEntry,
    LoggedChange,
    RunRecord,
    ScenarioPreset,
)
from slora_assets.provenance import file_stamp, read_json
from slora_assets.provenance.curated import curated_at, curated_now
from slora_assets.provenance.ledger import refuse_changed
from slora_assets.provenance.records import read_adapter_record, read_run_record

_SHOWN: Final = 3
"""Clips that a sentence names."""


@dataclass(frozen=True)
class Parent:
    """Clips under one licence, or the base, and what that allows."""

    what: str
    """In words: `footage of msr-vtt`, `base slora-miniature`."""
    licence: Licence
    allows: Use
    """What the licence does, or less where the dataset's `use` says so."""
    clause: str
    clips: tuple[str, ...] = ()
    """Their names; none of a base."""

    @property
    def told(self) -> str:
        """In a sentence, the first clips by name."""
        names = ", ".join(self.clips[:_SHOWN])
        more = len(self.clips) - _SHOWN
        named = f" ({names}{f' and {more} more' if more > 0 else ''})" if names else ""
        count = f"{len(self.clips)} clips, " if self.clips else ""
        return f"{count}{self.what}{named}, {self.licence.id}: {self.clause}"

    def document(self) -> dict[str, Any]:
        """As JSON; of clips, how many they are."""
        return {
            "what": self.what,
            "licence": self.licence.id,
            "known": self.licence.known,
            "allows": self.allows,
            "clause": self.clause,
            "clips": len(self.clips),
        }


class _Terms(NamedTuple):
    """What is said of some footage."""

    what: str
    licence: str
    use: str | None


def parents_of(workspace: Workspace, folder: Path) -> list[Parent]:
    """What the adapters of a run's folder, or of the registry's, were made from, the strictest
    first. Raises MissingInputError, IntegrityError for a folder without a record of either."""
    if (folder / RUN_RECORD).is_file():
        record, recorded = _recorded(folder, file_stamp(folder / RUN_RECORD))
        found = [*_footage(workspace, record, recorded), _base(record.base)]
    else:  # registered before runs were kept with their adapters
        adapter = read_adapter_record(folder)
        found = [
            _parent(_Terms("footage that no record names", "", None)),
            _base({"name": adapter.base, "licence": adapter.base_licence}),
        ]
    return sorted(found, key=lambda one: (rank(one.allows), one.what, one.licence.id))


def most_use(parents: list[Parent]) -> Use:
    """The most that an adapter may be used for."""
    return strictest(*(one.allows for one in parents)) if parents else "research"


def admitted_use(workspace: Workspace, folder: Path, wanted: Use | None) -> Use:
    """The use that an adapter is promoted for: the wanted one, or else the most that there is.
    Raises GateError where the strictest parent doesn't allow what is wanted, with its clips, its
    licence and the clause; IntegrityError for metadata that aren't what curation left."""
    refuse_changed(workspace, workspace.scenario_metadata, remedy="run `make data`")
    parents = parents_of(workspace, folder)
    most = most_use(parents)
    if wanted is None or rank(wanted) <= rank(most):
        return wanted or most
    against = [one for one in parents if rank(one.allows) < rank(wanted)]
    told = "; ".join(one.told for one in against)
    raise GateError(
        f"what the adapter was made from doesn't allow this use: {told}",
        file=folder,
        key="use",
        found=wanted,
        expected=f"at most {most}",
        remedy=f"promote it for {most}, or train without these; a licence that the dataset's YAML"
        " names wrongly is corrected there, followed by `make data`",
    )


def refuse_wider_use(preset: ScenarioPreset, logged: LoggedChange, file: Path) -> None:
    """Raise GateError for a preset that was edited to promise more than it was promoted for."""
    if preset.use is None or preset.use == logged.use:
        return
    if logged.use is None or rank(preset.use) > rank(logged.use):
        raise GateError(
            "the preset promises another use than its adapter was promoted for",
            file=file,
            key=f"presets.{logged.scenario}.use",
            found=preset.use,
            expected=logged.use or "no use: it was promoted before uses were asked for",
            remedy=f"`slora promote {logged.scenario} --use {preset.use}`, which looks at licences",
        )


def preset_use(workspace: Workspace, scenario: str, preset: ScenarioPreset) -> Use | None:
    """What a preset may be used for: what it was promoted for, by itself and by the change log, or
    less where the licences that are known now allow less. Of presets that were promoted before
    there were uses it is what these allow. None without an adapter, and where nobody can say."""
    if preset.sha256 is None:
        return None
    try:
        logged = promotion_of(workspace.changelog, scenario, preset.sha256)
        most = most_use(parents_of(workspace, workspace.registry / preset.sha256))
    except SloraError:
        return None
    said = (preset.use, logged.use if logged else None)
    return strictest(most, *(one for one in said if one is not None))


def _footage(
    workspace: Workspace, record: RunRecord, recorded: Sequence[_Terms]
) -> Iterator[Parent]:
    """A parent for all clips under the same terms: those of today's metadata for clips that are
    still curated with these bytes, and the recorded ones for others."""
    today: Sequence[_Terms] = recorded
    curated: Mapping[str, Clip] = {}
    try:
        dataset = curated_now(workspace).summary.dataset
        if dataset.name == record.dataset:
            curated = _curated(workspace, record)
            today = [_terms(dataset)]
    except SloraError:  # the run's own record is all there is
        today, curated = recorded, {}
    groups: defaultdict[_Terms, list[str]] = defaultdict(list)
    for clip in record.clips:
        now = curated.get(clip.id)
        known = now is not None and now.sha256 == clip.sha256
        own = now.licence if now is not None and known else clip.licence
        of_all = today if known else recorded
        terms = of_all if own is None else (_Terms(f"clips of {record.dataset}", own, None),)
        for one in dict.fromkeys(terms):
            groups[one].append(clip.id)
    if not record.clips:  # who can't say which they were still says of which dataset
        groups.update({one: [] for one in recorded})
    yield from (_parent(one, tuple(clips)) for one, clips in groups.items())


def _curated(workspace: Workspace, record: RunRecord) -> Mapping[str, Clip]:
    """The clips of a run that are still curated, by id."""
    file = workspace.scenario_metadata
    ids = frozenset(clip.id for clip in record.clips)
    return _curated_at(file, file_stamp(file), ids, tuple(record.scenarios))


@lru_cache(maxsize=8)
def _curated_at(
    file: Path, stamp: tuple[int, ...], ids: frozenset[str], scenarios: tuple[str, ...]
) -> Mapping[str, Clip]:
    """The same, of the metadata as they stood at `stamp`: the service asks with each request."""
    return curated_at(file).by_id(ids, scenarios)


@lru_cache(maxsize=64)
def _recorded(folder: Path, stamp: tuple[int, ...]) -> tuple[RunRecord, tuple[_Terms, ...]]:
    """A run's record as it stood at `stamp`, which the service asks for with each request, and what
    was said of its dataset when it was trained."""
    record = read_run_record(folder)
    found = []
    for file in sorted((folder / RUN_INPUTS).glob("*.json")):
        manifest = read_json(file, remedy="train the adapter again")
        if isinstance(manifest, dict) and "dataset" in manifest:
            found.append(_terms(DatasetEntry.model_validate(manifest["dataset"])))
    untold = _Terms(f"footage of {record.dataset}", record.licence, None)
    return record, tuple(found or [untold])


def _terms(dataset: DatasetEntry) -> _Terms:
    return _Terms(f"footage of {dataset.name}", dataset.licence, dataset.use)


def _parent(terms: _Terms, clips: tuple[str, ...] = ()) -> Parent:
    licence = licence_of(terms.licence)
    use = licence.allows if terms.use is None else use_of(terms.use)
    if rank(use) < rank(licence.allows):
        clause = f"the dataset's use is '{terms.use}'"
        return Parent(terms.what, licence, use, clause, clips)
    return Parent(terms.what, licence, licence.allows, licence.clause, clips)


def _base(base: dict[str, Any]) -> Parent:
    licence = licence_of(str(base.get("licence") or ""))
    return Parent(f"base {base.get('name')}", licence, licence.allows, licence.clause)

"""OpenLineage: the run's chain of records, from the footage to the promotion, as run events.

The same events are posted as they happen where OPENLINEAGE_URL is set.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from slora_assets.documents import ADAPTER_RECORD, RUN_RECORD, VERDICT_FILE, LoggedRecord
from slora_assets.governance.exports.facts import Exported
from slora_assets.provenance.ledger import all_records
from slora_assets.provenance.lineage_events import json_lines, run_events

FILE: Final = "openlineage.jsonl"


def openlineage(run: Exported) -> str:
    """The events as text, a line each, in the order of the ledger."""
    return json_lines([event for entry in _chain(run) for event in run_events(entry, "slora")])


def _chain(run: Exported) -> Iterator[LoggedRecord]:
    """The entries that the run was made from, as they were then, and those made of it."""
    workspace, entries = run.workspace, all_records(run.workspace)
    ends = {
        workspace.relative(run.folder / RUN_RECORD),
        workspace.relative(workspace.validation(run.name) / VERDICT_FILE),
        workspace.relative(workspace.registry / run.adapter.sha256 / ADAPTER_RECORD),
    }
    last = {entry.path: entry for entry in entries if entry.path in ends and entry.sha256}
    waiting, wanted = list(last.values()), dict[str, LoggedRecord]()
    by_version = {(entry.path, entry.sha256): entry for entry in entries}
    while waiting:
        entry = waiting.pop()
        if entry.hash not in wanted:
            wanted[entry.hash] = entry
            parents = (by_version.get(one) for one in entry.parents.items())
            waiting += [parent for parent in parents if parent is not None]
    return (entry for entry in entries if entry.hash in wanted)

"""The ledger's entries as OpenLineage run events (openlineage.io, 2-0-2), and posting them as they
are made, where OPENLINEAGE_URL names somebody who listens.

Listeners are never waited for longer than PATIENCE_S, and one that failed is left alone for a
while, so that no run fails or takes long because of them.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from threading import Thread
from typing import Any, Final
from uuid import UUID, uuid5

from slora_assets.documents import LoggedRecord

URL: Final = "OPENLINEAGE_URL"
NAMESPACE: Final = "OPENLINEAGE_NAMESPACE"
PATIENCE_S: Final = 2.0
_LEFT_ALONE_S: Final = 60.0
_ENDPOINT: Final = "api/v1/lineage"
_PRODUCER: Final = "urn:slora"
_SPEC: Final = "https://openlineage.io/spec"
_RUNS: Final = UUID("0e0f2f64-31d2-5e0a-9a34-6d2c9b6f3c11")

_log = logging.getLogger(__name__)
_silent_until = 0.0

Event = dict[str, Any]


def run_events(entry: LoggedRecord, namespace: str | None = None) -> list[Event]:
    """The start and the end of what wrote an entry, both at the entry's time, the only one that is
    on record: a job per record, its run the entry, its datasets the records by path and SHA-256."""
    space = namespace or os.environ.get(NAMESPACE) or "slora"
    erased = entry.sha256 is None
    about: Event = {
        "eventTime": entry.time,
        "producer": _PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid5(_RUNS, entry.hash)), "facets": {}},
        "job": {
            "namespace": space,
            "name": f"{'erase' if erased else entry.kind}:{entry.path}",
            "facets": {
                "jobType": _facet(
                    "2-0-4/JobTypeJobFacet",
                    {"processingType": "BATCH", "integration": "SLORA", "jobType": "TASK"},
                )
            },
        },
        "inputs": [_dataset(space, *one) for one in sorted(entry.parents.items())],
        "outputs": [_dataset(space, entry.path, entry.sha256)],
    }
    return [about | {"eventType": state} for state in ("START", "COMPLETE")]


def _dataset(space: str, path: str, sha256: str | None) -> Event:
    facets = {}
    if sha256 is not None:
        facets["version"] = _facet("1-0-1/DatasetVersionDatasetFacet", {"datasetVersion": sha256})
    return {"namespace": space, "name": path, "facets": facets}


def _facet(schema: str, values: Mapping[str, str]) -> Event:
    name = schema.partition("/")[2]
    return {
        "_producer": _PRODUCER,
        "_schemaURL": f"{_SPEC}/facets/{schema}.json#/$defs/{name}",
        **values,
    }


def announce(entry: LoggedRecord) -> None:
    """Post an entry's events, where somebody listens. Never raises, and returns in time."""
    global _silent_until
    url = os.environ.get(URL)
    if not url or time.monotonic() < _silent_until:
        return
    failed: list[str] = ["no answer in time"]
    # In a thread, as no timeout of a client is one of the whole: a listener may drip.
    thread = Thread(target=_post, args=(url, run_events(entry), failed), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if failed:
        _silent_until = time.monotonic() + _LEFT_ALONE_S
        _log.warning("OpenLineage's listener was not told of %s: %s", entry.path, failed[0])


def _post(url: str, events: list[Event], failed: list[str]) -> None:
    try:
        import httpx  # which only those need who have a listener

        key = os.environ.get("OPENLINEAGE_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        where = f"{url.rstrip('/')}/{os.environ.get('OPENLINEAGE_ENDPOINT') or _ENDPOINT}"
        with httpx.Client(timeout=PATIENCE_S, headers=headers) as client:
            for event in events:
                client.post(where, json=event).raise_for_status()
        failed.clear()
    except Exception as error:  # whatever it is, the stage has done its work
        failed[:] = [f"{type(error).__name__}: {error}"]


def json_lines(events: list[Event]) -> str:
    """Events as a file holds them, one a line."""
    return "".join(json.dumps(one, sort_keys=True, ensure_ascii=False) + "\n" for one in events)

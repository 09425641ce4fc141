"""OpenLineage's events: as its own library makes them, posted where somebody listens, and no stage
fails or waits long because of whoever doesn't answer."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import attr
import pytest
from openlineage.client import event_v2
from openlineage.client.facet_v2 import dataset_version_dataset, job_type_job
from openlineage.client.serde import Serde

from slora_assets.config.workspace import Workspace
from slora_assets.documents import LoggedRecord
from slora_assets.provenance import lineage_events
from slora_assets.provenance.ledger import all_records, erase_from_record, put_on_record
from slora_assets.provenance.lineage_events import PATIENCE_S, URL, json_lines, run_events
from slora_assets_tests.served import served
from slora_assets_tests.workspaces import below

PRODUCER = "urn:slora"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """With two files, and nobody left alone since another test."""
    monkeypatch.setattr(lineage_events, "_silent_until", 0.0)
    for name in ("parent", "child"):
        (tmp_path / f"{name}.json").write_text(name)
    yield below(tmp_path)


def _recorded(workspace: Workspace) -> list[LoggedRecord]:
    parent, child = (workspace.root / f"{name}.json" for name in ("parent", "child"))
    put_on_record(workspace, "metadata", parent)
    put_on_record(workspace, "manifest", child, parents=[parent])
    return all_records(workspace)


def _by_the_library(entry: LoggedRecord, state: event_v2.RunState) -> dict[str, object]:
    """What OpenLineage's own classes make of the same facts."""
    event_v2.set_producer(PRODUCER)

    def facets(sha256: str) -> dict[str, object]:
        version = dataset_version_dataset.DatasetVersionDatasetFacet(
            datasetVersion=sha256, producer=PRODUCER
        )
        return {"version": version}

    kind = job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="SLORA", jobType="TASK", producer=PRODUCER
    )
    event = event_v2.RunEvent(
        eventTime=entry.time,
        eventType=state,
        producer=PRODUCER,
        run=event_v2.Run(runId=str(run_events(entry, "ours")[0]["run"]["runId"])),
        job=event_v2.Job(
            namespace="ours", name=f"{entry.kind}:{entry.path}", facets={"jobType": kind}
        ),
        inputs=[
            event_v2.InputDataset(namespace="ours", name=path, facets=facets(sha256))
            for path, sha256 in entry.parents.items()
        ],
        outputs=[
            event_v2.OutputDataset(
                namespace="ours", name=entry.path, facets=facets(str(entry.sha256))
            )
        ],
    )
    return _without_empty(json.loads(Serde.to_json(event)))


def _without_empty(event: dict[str, object]) -> dict[str, object]:
    """Without sets of facets that hold none, which one side writes and the other doesn't."""
    return json.loads(
        json.dumps(event), object_hook=lambda one: {k: v for k, v in one.items() if v not in ({},)}
    )


def test_events_are_what_openlineages_own_classes_make(workspace: Workspace) -> None:
    for entry in _recorded(workspace):
        for event, state in zip(
            run_events(entry, "ours"),
            (event_v2.RunState.START, event_v2.RunState.COMPLETE),
            strict=True,
        ):
            assert _without_empty(event) == _by_the_library(entry, state)
    assert attr.has(event_v2.RunEvent)


def test_the_same_entry_gives_the_same_bytes(workspace: Workspace) -> None:
    entries = _recorded(workspace)
    lines = json_lines([event for one in entries for event in run_events(one)])
    assert lines == json_lines([event for one in entries for event in run_events(one)])
    assert [json.loads(line)["eventType"] for line in lines.splitlines()] == [
        "START",
        "COMPLETE",
    ] * 2
    assert len({json.loads(line)["run"]["runId"] for line in lines.splitlines()}) == 2


def test_each_record_is_told_once_where_somebody_listens(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(lambda *_: (201, {})) as asked:
        monkeypatch.setenv(URL, asked.url)
        monkeypatch.setenv("OPENLINEAGE_API_KEY", "k")
        _recorded(workspace)
        put_on_record(workspace, "metadata", workspace.root / "parent.json")  # says nothing new
        erase_from_record(workspace, workspace.root / "child.json")
    names = [sent["job"]["name"] for _, _, sent in asked.requests[::2]]
    assert names == ["metadata:parent.json", "manifest:child.json", "erase:child.json"]
    assert {name for name, _, _ in asked.requests} == {"POST /api/v1/lineage"}
    assert all(headers["Authorization"] == "Bearer k" for _, headers, _ in asked.requests)
    assert all("version" not in one["facets"] for one in asked.requests[-1][2]["outputs"])


def test_nobody_is_asked_where_nobody_listens(workspace: Workspace) -> None:
    with served(lambda *_: (201, {})) as asked:
        _recorded(workspace)
    assert asked.requests == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "no address", "file:///etc/hosts"])
def test_a_listener_that_fails_fails_no_stage(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(URL, url)
    assert len(_recorded(workspace)) == 2


def test_a_listener_that_never_answers_is_waited_for_once_and_briefly(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(URL, f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        assert len(_recorded(workspace)) == 2
        assert time.monotonic() - start < PATIENCE_S + 2

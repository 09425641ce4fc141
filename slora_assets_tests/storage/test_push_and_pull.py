"""What is pushed to a real S3 server is had back elsewhere, whole or not; and no machine's work is
lost to another's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slora_assets.cli.commands import app
from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest, write_manifest
from slora_assets.defs.origin import on_record
from slora_assets.documents.storage import StoredFile, StoredPart
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance import sha256_file
from slora_assets.provenance.ledger import all_records, put_on_record
from slora_assets.storage.commits import newest_commit, object_key
from slora_assets.storage.opening import open_store
from slora_assets.storage.parts import place, stage_parts, written_parts
from slora_assets.storage.pull import pull
from slora_assets.storage.push import push
from slora_assets.storage.store import Store, StoreError
from slora_assets_tests.folder_dataset import curated
from slora_assets_tests.storage.conftest import Elsewhere, put_run
from slora_assets_tests.workspaces import below, contents


def _weights(workspace: Workspace, scenario: str = "boat") -> Path:
    return workspace.scenario_run(scenario) / "state" / "weights.bin"


def _object_of(store: Store, file: Path) -> str:
    return store._path(object_key(sha256_file(file)))


def test_another_machine_has_what_was_pushed_and_it_verifies(
    here: Workspace, elsewhere: Elsewhere, store: Store
) -> None:
    done = push(here, store)
    there = elsewhere("there")
    assert (done.commit, pull(there, store).commit) == (1, 1)
    for file in (here.footage_inventory, here.manifest("boat"), here.ledger, _weights(here)):
        assert there.absolute(here.relative(file)).read_bytes() == file.read_bytes()
    assert not list(verify(there, there.scenario_metadata, full=True).broken())
    again = push(there, store), pull(here, store)
    assert (again[0].commit, again[0].sent, again[1].fetched) == (None, 0, 0)


def test_clips_that_stand_in_parquet_go_along(
    here: Workspace, elsewhere: Elsewhere, store: Store
) -> None:
    here.dataset_file.write_text(f"{here.dataset_file.read_text()}clips_in_document: 0\n")
    curated(here)
    for name in ("boat", "crane"):
        write_manifest(here, name)
    push(here, store)
    there = elsewhere("there")
    pull(there, store)
    assert read_manifest(there.manifest("boat")) == read_manifest(here.manifest("boat"))
    assert len(list(there.root.rglob("*.mp4"))) == 6
    assert not list(verify(there, there.manifest("boat"), full=True).broken())


def test_a_stage_has_what_it_reads_and_nothing_else(
    here: Workspace, elsewhere: Elsewhere, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(here, store)
    there = elsewhere("there")
    monkeypatch.setenv("SLORA_WORKSPACE", str(there.root))
    monkeypatch.setenv("SLORA_CONFIGS", str(there.configs))
    asked = CliRunner().invoke(app, ["pull", "--for", "preprocess", "--scenario", "boat"])
    assert asked.exit_code == 0, asked.output
    clips = sorted(path.name for path in there.root.rglob("*.mp4"))
    assert clips == ["first_boat.mp4", "held_out_boat.mp4", "second_boat.mp4"]
    assert not there.manifest("crane").exists() and not there.scenario_run("boat").exists()
    commit = newest_commit(store)
    assert commit and "registry/x" in stage_parts(["registry/x", *commit.parts], "serve", [])
    assert "commit 1 of" in CliRunner().invoke(app, ["stored"]).output


def test_a_push_that_was_killed_is_seen_by_nobody_and_goes_on(
    here: Workspace, elsewhere: Elsewhere, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(here, store)
    put_run(here, "boat", b"better")
    with monkeypatch.context() as patch:
        patch.setattr("slora_assets.storage.push.append_commit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            push(here, store)
    there = elsewhere("there")
    pull(there, store)
    assert _weights(there).read_bytes() == b"first" * 100_000
    assert push(here, store).sent == 0
    pull(there, store)
    assert _weights(there).read_bytes() == b"better" * 100_000


def test_other_bytes_than_the_commit_says_are_never_kept(
    here: Workspace, elsewhere: Elsewhere, store: Store
) -> None:
    push(here, store)
    there, damaged = elsewhere("there"), _object_of(store, _weights(here))
    store.fs.pipe_file(damaged, b"wrong" * 100_000)
    with pytest.raises(IntegrityError, match=r"s3://.*not what its record says.*--check"):
        pull(there, store)
    store.fs.pipe_file(damaged, b"short")
    with pytest.raises((IntegrityError, StoreError), match="s3://"):
        pull(there, store)
    left = contents(there.root)
    assert not _weights(there).exists() and not [one for one in left if ".partial" in one.name]
    assert push(here, store, ["runs/boat"], check=True).sent == 1
    pull(there, store)
    assert _weights(there).read_bytes() == _weights(here).read_bytes()


def test_machines_that_push_at_once_lose_nothing(
    here: Workspace, elsewhere: Elsewhere, store: Store
) -> None:
    push(here, store)
    machines = {name: elsewhere(name) for name in ("boat", "crane")}

    def work(scenario: str) -> None:
        machine = machines[scenario]
        put_run(machine, scenario, b"trained")
        put_on_record(machine, "run", machine.scenario_run(scenario) / "manifest.json")
        push(machine, store)

    for machine in machines.values():
        pull(machine, store)
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, machines))
    pull(here, store)
    assert {_weights(here, name).read_bytes() for name in machines} == {b"trained" * 100_000}
    runs = {one.path for one in all_records(here) if one.kind == "run"}
    assert runs == {f"checkpoints/scenario_loras/{name}/manifest.json" for name in machines}
    commit = newest_commit(store)
    assert commit is not None and commit.number == 3


def test_what_two_have_changed_is_taken_from_neither(
    here: Workspace, elsewhere: Elsewhere, store: Store
) -> None:
    push(here, store)
    there = elsewhere("there")
    pull(there, store)
    put_run(there, "boat", b"theirs")
    push(there, store)
    put_run(here, "boat", b"ours")
    for action in (push, pull):
        with pytest.raises(IntegrityError, match=r"another version.*runs/boat.*--force"):
            action(here, store)
        assert _weights(here).read_bytes() == b"ours" * 100_000
    push(here, store, ["runs/boat"], force=True)
    pull(there, store)
    assert _weights(there).read_bytes() == b"ours" * 100_000


@pytest.mark.parametrize(
    "path",
    [
        "../outside.json",
        "/etc/cron.d/x",
        "data/../../x",
        "slora_assets/cli/x.py",
        ".env",
        "data/.x",
    ],
)
def test_no_commit_writes_elsewhere_than_into_a_workspace(tmp_path: Path, path: str) -> None:
    for part in ("footage", "runs/boat", "presets"):
        with pytest.raises(IntegrityError, match="none of a workspace's"):
            place(below(tmp_path), path, part)


def test_a_store_that_is_gone_is_named(here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("s3fs")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with pytest.raises(StoreError, match=r"s3://nobody/here/commits/.*Remedy"):
        push(here, open_store("s3://nobody/here"))


def test_a_folder_is_a_store_too(here: Workspace, elsewhere: Elsewhere, tmp_path: Path) -> None:
    store, there = open_store(f"file://{tmp_path}/store"), elsewhere("there")
    push(here, store)
    pull(there, store)
    assert _weights(there).read_bytes() == _weights(here).read_bytes()
    part = StoredPart(part="x", files={"data/x": StoredFile(sha256="0" * 64, bytes_=1)})
    assert not store.create("commits/0000000001.json", json.dumps(part.model_dump()).encode())


def test_a_stage_pushes_what_it_wrote(here: Workspace, store: Store) -> None:
    run = here.scenario_run("boat") / "manifest.json"
    assert written_parts(here, run) == ["ledger", "runs/boat"]
    assert written_parts(here, here.manifest("boat")) == ["ledger", "manifests/boat", "clips/boat"]
    assert on_record(here, here.manifest("boat"))["store commit"] == 1
    assert "store commit" not in on_record(here, here.manifest("boat"))
    commit = newest_commit(store)
    assert commit is not None and commit.changed == ["clips/boat", "ledger", "manifests/boat"]

"""`slora verify` of generated clips: what drew them, what is said of them, and the register's
entries after they are gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from api.store.artifact_store import ArtifactStore
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.promotion import demote
from slora_assets.documents import RUN_RECORD, RecordKind
from slora_assets.governance.takedown.stage import take_down
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance import Json, sha256_file
from slora_assets.provenance.ledger import put_on_record
from slora_assets.provenance.records import read_run_record
from slora_assets_tests.governance.made import SCENARIO, adapter_of, broken, video_of
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import rewrite


def test_a_video_may_be_deleted_with_its_sidecar_while_the_register_tells_of_it(
    project: Workspace,
) -> None:
    video = video_of(project)
    sidecar = project.relative(video.with_suffix(".json"))
    video.with_suffix(".json").unlink()
    video.unlink()
    assert broken(project) == []
    (project.register / f"{video.stem}.json").unlink()
    assert any(line.startswith(f"{sidecar}: the file is gone") for line in broken(project))


@pytest.mark.parametrize("way", ["deleted", "edited", "another's"])
def test_the_entry_of_a_video_that_is_gone_is_guarded_still(project: Workspace, way: str) -> None:
    video = video_of(project)
    ArtifactStore(project).erase(video.name)
    assert broken(project) == []
    entry = project.register / f"{video.stem}.json"
    if way == "deleted":
        entry.unlink()
    elif way == "edited":
        rewrite(entry, lambda told: told.update(made="2020-01-01T00:00:00Z"))
    else:
        frames = np.random.default_rng(2).integers(0, 255, (9, 64, 96, 3), np.uint8)
        other = ArtifactStore(project).publish(frames, 8.0, {"adapter_sha256": None})
        shutil.copy(project.register / f"{other.id}.json", entry)
    [said] = broken(project)
    assert said.startswith(project.relative(entry))
    assert broken(project, entry), "asked about alone, too"


def test_clips_that_no_service_published_are_named(project: Workspace) -> None:
    video = video_of(project)
    stranger = video.with_name(f"{'0' * 32}.mp4")
    shutil.copy(video, stranger)
    entry = project.register / f"{'0' * 32}.json"
    shutil.copy(project.register / f"{video.stem}.json", entry)
    assert broken(project) == [
        f"{project.relative(stranger)}: no stage put this file on record",
        f"{project.relative(entry)}: it is another video's",
    ]


def test_an_entry_that_an_older_version_left_out_of_the_ledger_holds_by_its_signature(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def older(workspace: Workspace, kind: RecordKind, path: Path, parents: Iterable[Path]) -> None:
        if kind != "entry":
            put_on_record(workspace, kind, path, parents)

    monkeypatch.setattr("api.store.artifact_store.put_on_record", older)
    frames = np.random.default_rng(3).integers(0, 255, (9, 64, 96, 3), np.uint8)
    video = ArtifactStore(project).publish(frames, 8.0, {"adapter_sha256": None})
    assert broken(project) == []
    ArtifactStore(project).erase(video.name)
    assert broken(project) == []
    entry = project.register / f"{video.id}.json"
    rewrite(entry, lambda told: told.update(made="2020-01-01T00:00:00Z"))
    where = project.relative(entry)
    assert broken(project) == [f"{where}: it was changed after it was signed"]


def test_a_videos_chain_leads_to_adapter_verdict_and_log(project: Workspace) -> None:
    told = "\n".join(verify(project, video_of(project)).lines())
    for wanted in (
        "entry outputs/register/",
        "registered checkpoints/registry/",
        "verdict ",
        "run ",
    ):
        assert wanted in told
    assert "changes data/changelog.jsonl" in told


def test_a_preview_is_of_its_run_and_holds_where_nothing_was_ever_promoted(
    project: Workspace,
) -> None:
    adapter, run = adapter_of(project), project.scenario_run(SCENARIO)
    frames = np.random.default_rng(1).integers(0, 255, (9, 64, 96, 3), np.uint8)
    facts: dict[str, Json] = {
        "adapter_sha256": sha256_file(adapter),
        "scenario": SCENARIO,
        "prompt": "a blue cart",
        "status": "preview",
        "lora_path": project.relative(adapter),
    }
    clip = ArtifactStore(project).publish(frames, 8.0, facts, [run / RUN_RECORD])
    video = project.artifacts / clip.name
    shutil.rmtree(project.registry)
    assert broken(project, video) == []
    assert f"run {project.relative(run / RUN_RECORD)}" in "\n".join(verify(project, video).lines())

    trained = adapter.read_bytes()
    adapter.write_bytes(trained[:-1] + bytes([trained[-1] ^ 1]))
    assert any(line.startswith(project.relative(adapter)) for line in broken(project, video))
    put_run_on_record(project, SCENARIO)  # another training's adapter is there by now
    states = {link.path: link.state for link in verify(project, video, full=True).parents}
    assert states[project.relative(run / RUN_RECORD)] == "replaced"

    facts["lora_path"] = project.relative(run / "config.yaml")
    clip = ArtifactStore(project).publish(frames, 8.0, facts, [run / RUN_RECORD])
    assert any("no stage put it" in line for line in broken(project, project.artifacts / clip.name))


def test_footage_that_was_taken_down_is_told_with_who_did_it_and_is_no_fault(
    project: Workspace,
) -> None:
    """Erased by hand it would be one; see `test_verify.py`."""
    run = project.scenario_run(SCENARIO)
    clip = read_run_record(run).clips[0]
    take_down(project, clip.id, "Ada", "its owner asks", delete_footage=True)
    [served] = broken(project)
    assert served.startswith(f"{SCENARIO}: ") and "that never saw it" in served
    demote(project, SCENARIO, "Zoë", "it has seen what was taken down")
    assert broken(project) == []
    told = [line.split() for line in verify(project, run, full=True).lines()]
    (erased,) = [line for line in told if line[:3] == ["erased", "clip", f"{clip.id}:"]]
    assert " ".join(erased).endswith("taken down by Ada, its owner asks")

"""Clips that one service published and another has from the store."""

from __future__ import annotations

import json

import pytest

from api.errors import ArtifactNotFound
from api.store.artifact_store import ArtifactStore
from slora_assets.config.workspace import Workspace
from slora_assets.provenance import sha256_bytes, write_bytes, write_json
from slora_assets.storage.store import Store
from slora_assets_tests.storage.conftest import Elsewhere

CLIP = b"frames" * 1000
ID = "0123456789abcdef" * 2
NAME = f"{ID}.mp4"


def _published(workspace: Workspace) -> ArtifactStore:
    sha256 = sha256_bytes(CLIP)
    write_json(workspace.artifacts / f"{ID}.json", {"artifact": NAME, "sha256": sha256})
    write_json(workspace.register / f"{ID}.json", {"id": ID})
    write_bytes(workspace.artifacts / NAME, CLIP)
    return ArtifactStore(workspace)


def test_another_service_has_a_published_clip_until_it_is_erased(
    here: Workspace, elsewhere: Elsewhere, store: Store
) -> None:
    made = _published(here)
    made.send_all()
    there = elsewhere("there")
    other = ArtifactStore(there)
    assert other.read(NAME)[0] == CLIP
    assert json.loads((there.register / f"{ID}.json").read_bytes()) == {"id": ID}
    made.erase(NAME)
    assert not store.below("artifacts")
    with pytest.raises(ArtifactNotFound):
        ArtifactStore(elsewhere("third")).read(NAME)


def test_a_clip_of_other_bytes_is_none(here: Workspace, elsewhere: Elsewhere, store: Store) -> None:
    _published(here).send_all()
    store.write(f"artifacts/{ID}/{sha256_bytes(CLIP)}", CLIP[::-1])
    there = elsewhere("there")
    with pytest.raises(ArtifactNotFound):
        ArtifactStore(there).read(NAME)
    assert not (there.artifacts / NAME).exists()


def test_what_could_not_be_sent_is_sent_later(
    here: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        _published(here).send_all()  # says so in the log
    assert not store.below("artifacts")
    ArtifactStore(here).send_all()
    assert f"{ID}/commit.json" in store.below("artifacts")

"""The service serves only what is signed as it stands, by a key that is trusted on its machine; a
preview takes no signature."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import demote, promote
from slora_assets.deployment.signed import signed_preset_file
from slora_assets.provenance import chained_log
from slora_assets.provenance.keys import KEYS, public_key_file
from slora_assets.provenance.ledger import ledger_heads
from slora_assets.provenance.signatures import signature_of
from slora_assets.provenance.trust import trust
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID, refused
from slora_assets_tests.workspaces import contents

SCENARIO = "market_floor"
Act = Callable[[Workspace], object]


def adapter(workspace: Workspace) -> Path:
    preset = read_presets(workspace.presets).presets[SCENARIO]
    return workspace.registry / str(preset.sha256)


def edit_presets(workspace: Workspace, old: str, new: str) -> None:
    text = workspace.presets.read_text()
    assert old in text
    workspace.presets.write_text(text.replace(old, new, 1))


def put_an_older_preset_back(workspace: Workspace) -> None:
    """With its signature; it was promoted by another entry of the log."""
    file = signed_preset_file(workspace, SCENARIO)
    kept = {one: one.read_bytes() for one in (workspace.presets, file, signature_of(file))}
    demote(workspace, SCENARIO, "Zoë", "to be promoted more narrowly")
    promote(workspace, SCENARIO, "Zoë", "again", override_inconclusive=True, scale=0.5)
    for one, content in kept.items():
        one.write_bytes(content)


FORGERIES: dict[str, tuple[Act, str]] = {
    "an adapter without signature": (
        lambda w: signature_of(adapter(w)).unlink(),
        "adapter is not signed",
    ),
    "its run's record edited": (
        lambda w: (adapter(w) / "manifest.json").write_text("{}"),
        "adapter is not what was signed",
    ),
    "a file beside it": (
        lambda w: (adapter(w) / "README.md").write_text("A fine adapter."),
        "adapter is not what was signed",
    ),
    "a preset without signature": (
        lambda w: signature_of(signed_preset_file(w, SCENARIO)).unlink(),
        "preset is not signed",
    ),
    "another strength": (
        lambda w: edit_presets(w, "    scale: 0.85", "    scale: 0.8"),
        "preset is not what was signed",
    ),
    "another way of sampling": (
        lambda w: edit_presets(w, "steps: 2", "steps: 1"),
        "preset is not what was signed",
    ),
    "an older preset": (put_an_older_preset_back, "preset is not what was signed"),
    "a change log with a line more": (
        lambda w: chained_log.append(
            w.changelog,
            {
                key: value
                for key, value in json.loads(w.changelog.read_bytes().splitlines()[0]).items()
                if key not in ("time", "previous", "hash")
            },
        ),
        "Nobody signed what stands at the end of the change log",
    ),
    "a ledger without head": (
        lambda w: ledger_heads(w).files[0].unlink(),
        "head of the ledger was signed, and is so no more",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_the_next_request_is_refused(own_workspace: Workspace, name: str) -> None:
    forge, said = FORGERIES[name]
    with local(create_app(ApiSettings(own_workspace, device="cpu"))) as client:
        assert states(client)[SCENARIO] == "promoted"
        forge(own_workspace)
        problem = refused(client.post("/generate", data=VALID), 409)
    assert problem["type"] == "urn:slora:problem:not-servable"
    assert said in problem["detail"] and "Remedy: " in problem["detail"]


def states(client: TestClient) -> dict[str, str]:
    return {one["name"]: one["status"] for one in client.get("/scenarios").json()}


def test_another_machine_serves_it_with_the_public_half_alone(
    own_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = public_key_file()
    moved = Path(shutil.move(own_workspace.root, tmp_path / "moved"))
    there = Workspace(moved, moved / "configs", moved / "configs" / "data" / "sample.yaml")
    keys = tmp_path / "its keys"
    monkeypatch.setenv(KEYS, str(keys))
    with local(create_app(ApiSettings(there, device="cpu"))) as client:
        problem = refused(client.post("/generate", data=VALID), 409)
        assert "key that is not trusted here" in problem["detail"]
        trust(mine)
        before = contents(moved)
        assert client.post("/generate", data=VALID).json()["status"] == "promoted"
    written = {file for file in contents(moved) if file not in before} - {there.gpu_lock}
    assert {file.parent for file in written} == {there.artifacts, there.register}


def test_a_preview_takes_no_signature(own_workspace: Workspace) -> None:
    verdict = own_workspace.validation("street") / "verdict.json"
    signature_of(verdict).unlink()
    with local(create_app(ApiSettings(own_workspace, preview=True, device="cpu"))) as client:
        assert states(client)["street"] == "preview"

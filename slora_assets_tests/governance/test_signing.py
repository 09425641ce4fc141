"""`slora sign` and `slora keys`: what was left unsigned is vouched for once its records agree with
it, and another's signatures count once a person says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from slora_assets.cli.commands import app
from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import change_heads, read_changes
from slora_assets.deployment.promotion import demote, promote
from slora_assets.deployment.signed import signed_preset_file
from slora_assets.documents import VERDICT_FILE
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance.keys import KEYS, public_key_file
from slora_assets.provenance.ledger import ledger_heads
from slora_assets.provenance.signatures import signature_of
from slora_assets.provenance.trust import trusted_keys
from slora_assets_tests.governance.made import SCENARIO, adapter_of
from slora_assets_tests.workspaces import rewrite


def broken(workspace: Workspace) -> list[str]:
    return [f"{one.what}: {one.says}" for one in verify(workspace, workspace.root).broken()]


def run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys' folder of a machine that has seen nothing yet."""
    folder = tmp_path / "keys"
    monkeypatch.setenv(KEYS, str(folder))
    return folder


@pytest.fixture
def unsigned(project: Workspace, keys: Path) -> Workspace:
    """The project as a version left it that signed nothing."""
    for file in [*project.root.rglob("*.sig"), *project.root.rglob("*.head.json")]:
        file.unlink()
    shutil.rmtree(signed_preset_file(project, SCENARIO).parent)
    return project


def test_what_nobody_signed_is_said_and_signed_by_one_command(unsigned: Workspace) -> None:
    assert {line.split(":")[0] for line in broken(unsigned)} == {"signature"}
    with pytest.raises(IntegrityError, match=r"nobody signed where the ledger ends.*`slora sign`"):
        promote(unsigned, SCENARIO, "Zoë", "again", override_inconclusive=True)
    done = run("sign")
    assert done.exit_code == 0, done.output
    [own] = trusted_keys()
    assert f"verdict on {SCENARIO}: signed by {own}" in done.output
    assert f"preset of {SCENARIO}: signed by {own}" in done.output
    assert broken(unsigned) == []
    assert promote(unsigned, SCENARIO, "Zoë", "again", override_inconclusive=True).change is None
    before = signature_of(unsigned.validation(SCENARIO) / VERDICT_FILE).read_bytes()
    assert run("sign").exit_code == 0
    assert signature_of(unsigned.validation(SCENARIO) / VERDICT_FILE).read_bytes() == before


def test_what_its_records_do_not_agree_with_is_not_signed(unsigned: Workspace) -> None:
    verdict = unsigned.validation(SCENARIO) / VERDICT_FILE
    rewrite(verdict, lambda document: document["verdict"].update(verdict="pass"))
    done = run("sign")
    assert done.exit_code == 1
    assert f"not signed: verdict on {SCENARIO}" in done.stderr
    assert "not what its stage left" in done.stderr
    assert not signature_of(verdict).exists()


def test_an_older_log_is_signed_only_when_that_is_said(project: Workspace) -> None:
    demote(project, SCENARIO, "Zoë", "worse than thought")
    files = [
        file
        for heads in (ledger_heads(project), change_heads(project.changelog))
        for file in (heads.log, *heads.files)
    ]
    kept = {file: file.read_bytes() for file in files}
    promote(project, SCENARIO, "Zoë", "after all", override_inconclusive=True)
    for file, content in kept.items():
        file.write_bytes(content)
    refused = run("sign")
    assert refused.exit_code == 1 and "the ledger was cut" in refused.stderr
    assert run("sign", "--as-they-stand").exit_code == 1, (
        "the preset is of a promotion that is gone"
    )
    assert [one.action for one in read_changes(project.changelog)] == ["promote", "demote"]


def test_others_signatures_count_when_a_person_says_so(project: Workspace, tmp_path: Path) -> None:
    public = tmp_path / "theirs.pem"
    public.write_text(run("keys", "show", "--pem").output)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEYS, str(tmp_path / "another machine"))
        assert any("not trusted here" in line for line in broken(project))
        trusted = run("keys", "trust", str(public)).output.split()[-1]
        assert broken(project) == []
        shown = run("keys", "show").output
        assert f"trusted: {trusted}" in shown and "yours: " in shown
        assert run("keys", "distrust", trusted[:12]).output == f"trusted no more: {trusted}\n"
        assert any("not trusted here" in line for line in broken(project))
        nobody = run("keys", "distrust", "0" * 64)
        assert "no other's key that is trusted" in str(nobody.exception)
    assert public.read_bytes() == public_key_file().read_bytes()


def test_a_folder_is_signed_alone(project: Workspace) -> None:
    folder = adapter_of(project).parent
    done = run("sign", str(folder))
    assert done.exit_code == 0 and signature_of(folder).is_file()
    assert broken(project) == []
    assert "only a folder is signed without a key" in str(run("sign", "--keyless").exception)

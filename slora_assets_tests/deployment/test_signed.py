"""What a promotion signs, and what it refuses for want of a signature."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import change_heads, read_changes
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import demote, promote
from slora_assets.deployment.signed import (
    adapter_signer,
    preset_signer,
    refuse_unsigned,
    signed_preset_file,
    verdict_signer,
)
from slora_assets.documents import RUN_RECORD, VERDICT_FILE
from slora_assets.provenance.keys import KEYS
from slora_assets.provenance.ledger import ledger_heads, put_on_record
from slora_assets.provenance.signatures import sign, signature_of
from slora_assets.provenance.trust import trusted_keys
from slora_assets_tests.workspaces import contents

FinishRun = Callable[..., str]
SCENARIO = "market_floor"


def signers(workspace: Workspace) -> set[str]:
    presets = read_presets(workspace.presets)
    change = read_changes(workspace.changelog)[-1]
    refuse_unsigned(workspace, presets, SCENARIO, change)
    return {
        verdict_signer(workspace, SCENARIO),
        adapter_signer(workspace, str(change.sha256)),
        preset_signer(workspace, presets, SCENARIO, change.hash),
        str(ledger_heads(workspace).signed_by()),
        str(change_heads(workspace.changelog).signed_by()),
    }


def test_verdict_adapter_preset_and_logs_are_signed_by_ones_own_key(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    promote(workspace, SCENARIO, "Zoë", "looks right")
    assert signers(workspace) == set(trusted_keys())
    demote(workspace, SCENARIO, "Zoë", "artefacts")
    assert not signed_preset_file(workspace, SCENARIO).exists()


@pytest.mark.parametrize("how", ["none", "another's"])
def test_a_verdict_that_no_trusted_key_signed_lets_nothing_through(
    workspace: Workspace, finish_run: FinishRun, how: str, tmp_path: Path
) -> None:
    finish_run()
    verdict = workspace.validation(SCENARIO) / VERDICT_FILE
    signature_of(verdict).unlink()
    if how == "another's":
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(KEYS, str(tmp_path / "another's"))
            sign(verdict)
    before = contents(workspace.root)
    with pytest.raises((IntegrityError, MissingInputError), match="the verdict is"):
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert contents(workspace.root) == before


def test_what_was_changed_since_it_was_registered_is_not_signed_again(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    sha256 = finish_run()
    promote(workspace, SCENARIO, "Zoë", "looks right")
    kept = workspace.registry / sha256 / RUN_RECORD
    kept.write_text(kept.read_text() + " ")
    with pytest.raises(IntegrityError, match=r"not what its stage left.*delete its folder"):
        promote(workspace, SCENARIO, "Zoë", "again")
    shutil.rmtree(kept.parent)  # as the remedy says; the run's record is another one by now
    run = workspace.scenario_run(SCENARIO) / RUN_RECORD
    run.write_text(run.read_text() + " ")
    put_on_record(workspace, "run", run)
    promote(workspace, SCENARIO, "Zoë", "again")
    assert signers(workspace) == set(trusted_keys())


def test_a_lost_signature_comes_back_with_the_same_promotion(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    sha256 = finish_run()
    promote(workspace, SCENARIO, "Zoë", "looks right")
    shutil.rmtree(signed_preset_file(workspace, SCENARIO).parent)
    signature_of(workspace.registry / sha256).unlink()
    assert promote(workspace, SCENARIO, "Zoë", "again").change is None
    assert signers(workspace) == set(trusted_keys())

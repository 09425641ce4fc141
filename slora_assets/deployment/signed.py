"""What is signed of a promotion, and that it is signed still: the verdict it rests on, the adapter
as registered, the preset as it was set, and where the logs end that all of it stands in.

Signatures are looked at again when a file changes, so that asking before each request costs little.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import change_heads, read_changes
from slora_assets.deployment.registry import PROMOTE_ANEW
from slora_assets.documents import (
    ADAPTER_RECORD,
    DEFAULT_SPEED,
    VERDICT_FILE,
    LoggedChange,
    Presets,
    ScenarioPreset,
    SignedPreset,
)
from slora_assets.provenance import write_json
from slora_assets.provenance.ledger import (
    all_records,
    ledger_heads,
    put_on_record,
    refuse_changed,
)
from slora_assets.provenance.log_heads import refuse_unsigned as refuse_unsigned_log
from slora_assets.provenance.records import read_document
from slora_assets.provenance.takedowns import read_takedowns, takedown_heads

# What signs and checks files takes long to import, and definitions don't wait for it.


def signed_preset_file(workspace: Workspace, scenario: str) -> Path:
    """What was signed when a scenario's preset was set."""
    return workspace.root / "data" / "signed_presets" / f"{scenario}.json"


def verdict_signer(workspace: Workspace, run: str) -> str:
    """Who signed a run's verdict, by fingerprint. Raises MissingInputError, IntegrityError."""
    from slora_assets.provenance.signatures import signer_of

    return signer_of(workspace.validation(run) / VERDICT_FILE, "the verdict")


def adapter_signer(workspace: Workspace, sha256: str) -> str:
    """Who signed a registered adapter, with all that is kept of its run. Raises MissingInputError,
    IntegrityError."""
    from slora_assets.provenance.signatures import signer_of

    return signer_of(workspace.registry / sha256, "the adapter")


def refuse_changed_registration(workspace: Workspace, sha256: str) -> None:
    """Raise IntegrityError for an adapter that was registered and isn't what it was then: signing
    it would vouch for whoever changed it."""
    folder = workspace.registry / sha256
    if folder.is_dir():
        refuse_changed(workspace, folder / ADAPTER_RECORD, remedy=PROMOTE_ANEW)


def vouch_for_adapter(workspace: Workspace, folder: Path, parents: Iterable[Path]) -> str:
    """Sign a registered adapter and put it on record, made from `parents`; returns who signed."""
    from slora_assets.provenance.signatures import UNSIGNED_FILES, sign

    beside = {ADAPTER_RECORD, *UNSIGNED_FILES}
    files = [one for one in folder.rglob("*") if one.is_file() and one.name not in beside]
    put_on_record(
        workspace,
        "registered",
        folder / ADAPTER_RECORD,
        parents=parents,
        files=sorted(files),
    )
    return sign(folder, "the adapter")


def preset_signer(workspace: Workspace, presets: Presets, scenario: str, change: str) -> str:
    """Who signed a scenario's preset as it stands, for the promotion with that hash. Raises
    MissingInputError, IntegrityError."""
    from slora_assets.provenance.signatures import signer_of

    file = signed_preset_file(workspace, scenario)
    signer = signer_of(file, "the preset")
    remedy = f"`slora promote {scenario}` again, or `slora sign` if it shall be so"
    signed = read_document(file, SignedPreset, what="a signed preset", remedy=remedy)
    if signed != _statement(presets, scenario, presets.presets[scenario], change):
        raise IntegrityError(
            "the preset is not what was signed when it was set",
            file=workspace.presets,
            key=f"presets.{scenario}",
            expected=f"what {file.name} says of preset, base and speed",
            remedy=remedy,
        )
    return signer


def sign_preset(
    workspace: Workspace, presets: Presets, scenario: str, preset: ScenarioPreset, change: str
) -> str:
    """Sign what `preset` says for a scenario, by the promotion with that hash."""
    from slora_assets.provenance.signatures import sign

    file = signed_preset_file(workspace, scenario)
    statement = _statement(presets, scenario, preset, change)
    write_json(file, statement.model_dump(mode="json"))
    return sign(file)


def withdraw_preset(workspace: Workspace, scenario: str) -> None:
    """Nothing is signed for a scenario any more."""
    from slora_assets.provenance.signatures import signature_of

    file = signed_preset_file(workspace, scenario)
    for one in (signature_of(file), file):
        one.unlink(missing_ok=True)


def refuse_unsigned_logs(workspace: Workspace) -> None:
    """Raise IntegrityError for a ledger, a change log or a list of takedowns that nobody whom this
    machine trusts signed as it ends."""
    refuse_unsigned_log(ledger_heads(workspace), len(all_records(workspace)))
    changes = read_changes(workspace.changelog)
    refuse_unsigned_log(change_heads(workspace.changelog), len(changes))
    refuse_unsigned_log(takedown_heads(workspace), len(read_takedowns(workspace)))


def refuse_unsigned(
    workspace: Workspace, presets: Presets, scenario: str, change: LoggedChange
) -> None:
    """Raise IntegrityError or MissingInputError for an adapter, a preset or a log that isn't signed
    as it stands by somebody whom this machine trusts; `change` is the promotion it is served by."""
    refuse_unsigned_logs(workspace)
    known = {record.hash for record in all_records(workspace)}
    if change.ledger is not None and change.ledger not in known:
        raise IntegrityError(
            "the ledger doesn't hold what the adapter was promoted on",
            file=workspace.ledger,
            expected=f"the entry {change.ledger}",
            remedy=f"restore it from a copy, or `slora promote {scenario}` again",
        )
    adapter_signer(workspace, str(change.sha256))
    preset_signer(workspace, presets, scenario, change.hash)


def _statement(
    presets: Presets, scenario: str, preset: ScenarioPreset, change: str
) -> SignedPreset:
    return SignedPreset(
        scenario=scenario,
        base_model=presets.base_model,
        speed=presets.speed[DEFAULT_SPEED],
        preset=preset,
        change=change,
    )

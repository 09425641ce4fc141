"""Links of signatures: who signed an artefact as it stands, or that nobody did."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.signed import (
    adapter_signer,
    preset_signer,
    signed_preset_file,
    verdict_signer,
)
from slora_assets.documents import LoggedChange, LoggedRecord, Presets
from slora_assets.governance.verification.link import Link
from slora_assets.provenance.log_heads import LogHeads, refuse_unsigned
from slora_assets.provenance.signatures import (
    FILE_SIGNATURE,
    FOLDER_SIGNATURE,
    UNSIGNED_FILES,
    signature_of,
)
from slora_assets.provenance.trust import SHOWN

WHAT: Final = "signature"
"""What links of signatures are called."""


def signed_by(path: Path) -> Path:
    """What a signature's file signs; any other path itself."""
    if path.name in UNSIGNED_FILES:
        return path.parent
    return path.with_suffix("") if path.suffix == FILE_SIGNATURE else path


def of_record(workspace: Workspace, entry: LoggedRecord) -> list[Link]:
    """Of the record's kind, where records of it are signed."""
    file = workspace.absolute(entry.path)
    run = file.parent.name
    match entry.kind:
        case "verdict":
            return [_link(workspace, signature_of(file), lambda: verdict_signer(workspace, run))]
        case "registered":
            signature = file.with_name(FOLDER_SIGNATURE)
            return [_link(workspace, signature, lambda: adapter_signer(workspace, run))]
    return []


def of_preset(workspace: Workspace, presets: Presets, scenario: str, change: LoggedChange) -> Link:
    """Of a preset that a promotion set."""
    signature = signature_of(signed_preset_file(workspace, scenario))
    signer = partial(preset_signer, workspace, presets, scenario, change.hash)
    return _link(workspace, signature, signer)


def of_log(workspace: Workspace, heads: LogHeads, entries: int) -> Link:
    """Of where a log ends."""
    return _link(workspace, heads.files[0], lambda: refuse_unsigned(heads, entries) or "")


def _link(workspace: Workspace, signature: Path, signer: Callable[[], str]) -> Link:
    where = workspace.relative(signature)
    try:
        return Link(WHAT, where, says=f"by the key {signer()[:SHOWN]}")
    except SloraError as error:
        return Link(WHAT, where, "broken", str(error))

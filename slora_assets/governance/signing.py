"""`slora sign`: a person vouches for a workspace as it stands, where stages of an older version, or
somebody whose key isn't trusted here, left it without a signature that counts.

Only what its records agree with is signed: a verdict and an adapter by the ledger, a preset by the
change log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import change_heads
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.registry import open_registered
from slora_assets.deployment.signed import adapter_signer, sign_preset, verdict_signer
from slora_assets.deployment.strengths import checked_promotion
from slora_assets.documents import ADAPTER_RECORD, VERDICT_FILE, registered_path
from slora_assets.provenance import chained_log
from slora_assets.provenance.ledger import ledger_heads, refuse_unrecorded
from slora_assets.provenance.log_heads import LogHeads
from slora_assets.provenance.signatures import sign
from slora_assets.provenance.takedowns import takedown_heads

_RESTORE = "restore it from a copy, or make it again"


@dataclass(frozen=True)
class Vouched:
    """What came of one thing that is to be signed."""

    what: str
    signer: str | None
    """Fingerprint of the key; None where it was not signed."""
    why_not: str | None = None


def sign_workspace(workspace: Workspace, as_they_stand: bool = False) -> Iterator[Vouched]:
    """Sign the ends of the logs, then each verdict, registered adapter and preset; what a trusted
    key signed as it stands is left alone.

    A log that contradicts its signed head, or what this machine knows of it, is signed only with
    `as_they_stand`; until all of them are, nothing else is.
    """
    logs = [
        ledger_heads(workspace),
        change_heads(workspace.changelog),
        takedown_heads(workspace),
    ]
    whole = [_vouched(heads.what, _log_signer(heads, as_they_stand)) for heads in logs]
    yield from whole
    if any(one.why_not for one in whole):
        return
    for file in sorted((workspace.outputs / "validation").glob(f"[!.]*/{VERDICT_FILE}")):
        yield _vouched(f"verdict on {file.parent.name}", _verdict_signer(workspace, file))
    for folder in sorted(workspace.registry.glob("[!.]*")):
        yield _vouched(f"adapter {folder.name[:16]}", _adapter_signer(workspace, folder))
    for scenario, preset in read_presets(workspace.presets).presets.items():
        if preset.sha256 is not None:
            yield _vouched(f"preset of {scenario}", _preset_signer(workspace, scenario))


def _vouched(what: str, signer: Callable[[], str | None]) -> Vouched:
    try:
        return Vouched(what, signer())
    except SloraError as error:
        return Vouched(what, None, str(error))


def _log_signer(heads: LogHeads, as_they_stand: bool) -> Callable[[], str | None]:
    def signer() -> str | None:
        if as_they_stand:
            entries = chained_log.verify(heads.log)
            heads.forget(entries)
        else:
            entries = chained_log.verify(heads.log, heads)
        if entries and (as_they_stand or heads.signed_by() is None):
            heads.write(entries)
        return heads.signed_by() if entries else None

    return signer


def _verdict_signer(workspace: Workspace, file: Path) -> Callable[[], str]:
    def signer() -> str:
        refuse_unrecorded(workspace, file, remedy=_RESTORE)
        sign(file, "the verdict")
        return verdict_signer(workspace, file.parent.name)

    return signer


def _adapter_signer(workspace: Workspace, folder: Path) -> Callable[[], str]:
    def signer() -> str:
        open_registered(workspace, registered_path(folder.name), folder.name)
        refuse_unrecorded(workspace, folder / ADAPTER_RECORD, remedy=_RESTORE)
        sign(folder, "the adapter")
        return adapter_signer(workspace, folder.name)

    return signer


def _preset_signer(workspace: Workspace, scenario: str) -> Callable[[], str]:
    def signer() -> str:
        presets = read_presets(workspace.presets)
        preset = presets.presets[scenario]
        change = checked_promotion(workspace, scenario, preset)
        assert change is not None, "only presets with an adapter are asked about"
        return sign_preset(workspace, presets, scenario, preset, change.hash)

    return signer

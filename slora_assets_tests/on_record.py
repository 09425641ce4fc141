"""Records that tests write by hand, put into the ledger and signed as the stages that write them
would."""

from __future__ import annotations

from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import ADAPTER_FILE, ADAPTER_RECORD, RUN_RECORD, VERDICT_FILE
from slora_assets.provenance.ledger import erase_from_record, put_on_record
from slora_assets.provenance.signatures import sign, signature_of


def put_run_on_record(workspace: Workspace, scenario: str) -> None:
    """The run of a scenario, and the verdict on it if there is one, as they are now."""
    run = workspace.run_of(None if scenario == UNIFIED else scenario)
    folder = workspace.validation(scenario)
    if (run / RUN_RECORD).is_file():
        adapters = [one for one in (run / "adapters").rglob("*") if one.is_file()]
        put_on_record(workspace, "run", run / RUN_RECORD, files=sorted(adapters))
    if (folder / VERDICT_FILE).is_file():
        verdict = folder / VERDICT_FILE
        ours = (verdict, signature_of(verdict))
        others = [one for one in folder.rglob("*") if one.is_file() and one not in ours]
        put_on_record(workspace, "verdict", verdict, files=sorted(others))
        sign(verdict)


def put_registered_on_record(workspace: Workspace, sha256: str) -> None:
    """A registered adapter, with what is kept beside it, as it is now."""
    folder = workspace.registry / sha256
    others = [folder / RUN_RECORD, folder / ADAPTER_FILE]
    put_on_record(workspace, "registered", folder / ADAPTER_RECORD, files=others)
    sign(folder)


def put_sweep_on_record(workspace: Workspace, scenario: str) -> None:
    """The sweep of a scenario's adapter, with its measurements, as they are now."""
    files = [workspace.swept_pairs(scenario)]
    put_on_record(workspace, "sweep", workspace.sweep(scenario), files=files)


def take_takedowns_back(workspace: Workspace) -> None:
    """As if nothing had ever been taken down, which nobody but a test may do."""
    erase_from_record(workspace, workspace.takedowns)
    for file in (workspace.takedowns, *workspace.takedown_heads):
        file.unlink()

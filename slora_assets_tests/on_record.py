"""Records that tests write by hand, put into the ledger as the stages that write them would."""

from __future__ import annotations

from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import RUN_RECORD, VERDICT_FILE
from slora_assets.provenance.ledger import put_on_record


def put_run_on_record(workspace: Workspace, scenario: str) -> None:
    """The run of a scenario, and the verdict on it if there is one, as they are now."""
    run = workspace.run_of(None if scenario == UNIFIED else scenario)
    folder = workspace.validation(scenario)
    if (run / RUN_RECORD).is_file():
        adapters = [one for one in (run / "adapters").rglob("*") if one.is_file()]
        put_on_record(workspace, "run", run / RUN_RECORD, files=sorted(adapters))
    if (folder / VERDICT_FILE).is_file():
        others = [one for one in folder.rglob("*") if one.is_file() and one.name != VERDICT_FILE]
        put_on_record(workspace, "verdict", folder / VERDICT_FILE, files=sorted(others))

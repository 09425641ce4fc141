"""`slora clean`: find what nothing needs any more, and remove it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from slora_assets.caches.shard_erasure import take_out
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.governance.cleaning.named import named_in
from slora_assets.governance.cleaning.orphans import Orphans, orphans_of, remove_folder
from slora_assets.processes.accelerator_lock import accelerator_lock
from slora_assets.provenance.curated import curated_now
from slora_assets.provenance.ledger import erase_files_from_record


def find(workspace: Workspace) -> Orphans:
    """What could go. Raises as `named_in` does."""
    return orphans_of(workspace, named_in(workspace))


def remove(workspace: Workspace, report: Callable[[str], None]) -> Orphans:
    """Remove it; returns what it was.

    Stages that encode or train hold the accelerator, and are waited for; `report` says for whom.
    What is on record is erased there first, so that `slora verify` finds it erased on purpose.
    Raises as `named_in` does, TrainingError when a stage goes on for more than ten minutes, and
    InterruptedRunError when a document is written meanwhile.
    """
    if not workspace.scenario_metadata.is_file():
        curated_now(workspace)  # says so, and no lock is left where nothing is
    with accelerator_lock(workspace.gpu_lock, Event(), report):
        named = named_in(workspace)
        found = orphans_of(workspace, named)
        if not named.still_so:
            raise InterruptedRunError(
                "a stage has written its documents meanwhile; nothing was removed",
                remedy="wait until it is done, and run the same command again",
            )
        files = {file for files in found.files.values() for file in files}
        erase_files_from_record(workspace, files)
        take_out(workspace, found.in_shards)
        for file in sorted(files):
            file.unlink(missing_ok=True)
        for folder in found.folders:
            remove_folder(folder)
    return found

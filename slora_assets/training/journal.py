"""What finished runs took. It lies beside the runs: clock times must not move a run's bytes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from slora_assets.provenance import append_line
from slora_assets.training.speed.memory import peak_memory_bytes

_FILE: Final = "journal.jsonl"


def note_finished(run: Path, run_hash: str, seconds: float, seconds_per_step: float) -> None:
    """Add a line about the run in folder `run`, made by this process."""
    entry = {
        "run": run.name,
        "run_hash": run_hash,
        "event": "finished",
        "unix_s": round(time.time()),
        "seconds": round(seconds, 1),
        "seconds_per_step": round(seconds_per_step, 4),
        "peak_memory_bytes": peak_memory_bytes(),
    }
    append_line(run.parent / _FILE, json.dumps(entry, sort_keys=True))


def last_entry(run: Path, run_hash: str) -> dict[str, Any]:
    """What the finished run in folder `run` took; empty if it was made elsewhere."""
    path = run.parent / _FILE
    if not path.is_file():
        return {}
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return next((entry for entry in reversed(entries) if entry["run_hash"] == run_hash), {})

"""slora: scenario LoRA adapters for text-to-video models, from footage to a served clip."""

import os
import time
from pathlib import Path

__version__ = "0.1.0"


def _others_run() -> bool:
    """Whether another process wants a processor all through the next 30 ms (what else a pipeline
    starts has started by then). Read on Linux; elsewhere it is taken for granted."""
    try:
        for _ in range(16):
            running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
            threads = [stat.read_text() for stat in Path("/proc/self/task").glob("*/stat")]
            ours = sum(text.rpartition(")")[2].split()[0] == "R" for text in threads)
            if running <= ours:
                return False
            time.sleep(0.002)
    except (OSError, IndexError, ValueError):
        pass
    return True


# Read by the libraries when they are first imported, hence here; a user's own values win.
LIBRARY_DEFAULTS = {
    # How many loops a waiting thread of GNU's OpenMP spins before it sleeps. A small model's step
    # with 1,000, 3,000, 10,000 and 20,000 (the library's own is 300,000), on two cores: 107, 77, 71
    # and 70 ms where nothing else runs; 169, 215, 333 and 404 where another process holds a core.
    "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT") or ("3000" if _others_run() else "10000"),
    # Loading bars and advice would drown the progress that slora reports.
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}
for _name, _value in LIBRARY_DEFAULTS.items():
    os.environ.setdefault(_name, _value)

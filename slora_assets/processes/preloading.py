"""What the standard library's fork server imports, so that its processes start at once.

There is one server for each process that starts others, and its processes share it. It imports when
the first of them is started, computes nothing, and ends when its owner is gone, once it has done
with its imports.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from typing import Final

from slora_assets.processes.cores import cores

DECODING: Final = ("__main__", "av", "numpy", "PIL.Image")
"""What decoders need. A `__main__` that is imported here isn't imported again by each process."""

THREADS: Final = "OMP_NUM_THREADS"
"""How many threads torch computes with; OpenMP's own variable."""

_WANTED: Final[dict[str, None]] = dict.fromkeys(DECODING)
"""In order; filled by `preload`."""

_LIBRARIES: Final[Mapping[str, str]] = {
    # How many loops a waiting thread of GNU's OpenMP spins before it sleeps. A small model's step
    # with 1,000, 3,000, 10,000 and 20,000 (the library's own is 300,000), on two cores: 107, 77, 71
    # and 70 ms where nothing else runs; 169, 215, 333 and 404 where another process holds a core.
    "GOMP_SPINCOUNT": "3000",
    # OpenCV takes a thread for each core that it sees, in each thread that calls it. Clips are
    # measured side by side, one for each core; a share of the pictures of one clip gains less than
    # threads that wait for each other cost, a tenth of the time.
    "OPENCV_FOR_THREADS_NUM": "1",
    # Loading bars and advice would drown the progress that slora reports.
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    # Asking whether there is an accelerator goes by its management library then: a process that has
    # asked CUDA itself can't be forked (torch's notes on CUDA semantics).
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}


def configure_libraries() -> None:
    """Set what torch and the others read from the environment when they are first imported.

    Called at the entry of each process that will import them, or start others that do. Values that
    a user has set win.
    """
    for name, value in _LIBRARIES.items():
        os.environ.setdefault(name, value)
    if (allowed := threads_allowed()) is not None:
        os.environ.setdefault(THREADS, allowed)


def threads_allowed() -> str | None:
    """How many threads torch is told to compute with where it may use fewer cores than it sees: a
    container sees those of its host, and threads beyond its share only wait for each other."""
    allowed = cores()
    return str(allowed) if allowed < (os.cpu_count() or 1) else None


def preload(modules: Sequence[str] = ()) -> None:
    """Have the server import `modules` too, beside what decoders need and what was named before;
    once it runs, this changes nothing. A module that isn't there is told where it is needed."""
    configure_libraries()
    _WANTED.update(dict.fromkeys(modules))
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(_WANTED))

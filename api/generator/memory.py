"""Memory: how much a clip takes, how much there is, and what to do when it was not enough.

The estimate is rough on purpose, and errs on the small side: it keeps out what can't work, and what
it lets through and doesn't fit fails as such without harm (`Engine`).
"""

from __future__ import annotations

import errno
import gc
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from slora_assets.base_models.seam import VideoBase

_VALUES_PER_PIXEL: Final = 300
"""Of a clip while the VAE draws it, which takes more than the denoiser: CogVideoX-2b's published
peak of 23.9 GB (49 frames of 720x480 in half precision), less its weights, is 310 values."""
_SAID: Final = re.compile(
    r"out of memory|bad_alloc|CUBLAS_STATUS_ALLOC_FAILED|not enough memory|can.?t allocate memory|"
    r"cannot allocate memory|unable to allocate",
    re.IGNORECASE,
)
"""How libraries say it that have no exception of their own for it."""
_CGROUP: Final = Path("/sys/fs/cgroup")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory, in whatever words."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and bool(_SAID.search(str(error)))


def needed_bytes(base: VideoBase, device: str, loaded: bool) -> int:
    """What one clip takes, with the base's weights unless they are there already."""
    geometry = base.geometry
    pixels = geometry.frames * geometry.height * geometry.width
    wide = 4 if device == "cpu" else 2
    return pixels * _VALUES_PER_PIXEL * wide + (0 if loaded else base.weight_count() * wide)


def available_bytes(device: str) -> int | None:
    """What the device still has for this process; None where nobody can say."""
    if device == "cpu":
        return _available_to_cpu()
    import torch

    if torch.device(device).type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def _available_to_cpu() -> int:
    """The machine's, or a container's where that has less."""
    import psutil

    least = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # no container, or one without a limit
        most = int((_CGROUP / "memory.max").read_text())
        told = (_CGROUP / "memory.stat").read_text().splitlines()
        given_back = sum(int(line.split()[1]) for line in told if line.startswith("inactive_file "))
        used = int((_CGROUP / "memory.current").read_text())
        least = min(least, most - used + given_back)
    return int(least)


def release() -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class Peak:
    """The most memory that is used from now on, as far as the system tells."""

    def __init__(self, device: str) -> None:
        self._cuda = device if device.startswith("cuda") else None
        if self._cuda is not None:
            import torch

            torch.cuda.reset_peak_memory_stats(self._cuda)
        else:
            with suppress(OSError):  # proc(5): 5 sets the highest mark back to what is used now
                Path("/proc/self/clear_refs").write_text("5")

    def mebibytes(self) -> float | None:
        """On an accelerator what torch used there, else what the process used."""
        if self._cuda is not None:
            import torch

            return round(torch.cuda.max_memory_allocated(self._cuda) / 2**20, 1)
        with suppress(OSError):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return round(int(line.split()[1]) / 2**10, 1)
        return None

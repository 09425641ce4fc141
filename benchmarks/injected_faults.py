"""Faults of each kind in a clip's making: `python benchmarks/injected_faults.py --faults 200`.

Each time the job must fail as docs/api.md says, and the next clip must be the one that a process
draws to which nothing ever happened, to the bit. Target: 200 of 200.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from api import making  # noqa: E402
from api.generator import slots  # noqa: E402
from api.generator.engine import GeneratedClip  # noqa: E402
from api.jobs.job import JobRequest  # noqa: E402
from api.service import Service  # noqa: E402
from api.settings import ApiSettings  # noqa: E402
from slora_assets.base_models.diffusers_base import DiffusersBase  # noqa: E402
from slora_assets.config.errors import GateError  # noqa: E402
from slora_assets.config.workspace import Workspace  # noqa: E402

REQUEST = JobRequest(prompt="a stall", scenario="market_floor", lora_scale=0, num_inference_steps=1)


def out_of_memory() -> Exception:
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


FAULTS: dict[str, tuple[object, str, Callable[[], Exception], str]] = {
    "torch is out of memory": (DiffusersBase, "generate", out_of_memory, "out-of-memory"),
    "no memory while loading": (
        DiffusersBase,
        "pipeline",
        lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        "out-of-memory",
    ),
    "no memory while scoring": (making, "measure_temporal", MemoryError, "out-of-memory"),
    "std::bad_alloc": (
        DiffusersBase,
        "generate",
        lambda: RuntimeError("std::bad_alloc"),
        "out-of-memory",
    ),
    "a wrong adapter": (
        slots.AdapterSlots,
        "use_none",
        lambda: GateError("the adapter was not loaded as it was trained"),
        "refused",
    ),
    "a fault of a library": (
        DiffusersBase,
        "generate",
        lambda: RuntimeError("shapes differ"),
        "internal",
    ),
}
"""What happens -> where it is raised, and how the job must fail."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        configs = PROJECT / "configs"
        workspace = Workspace(root, configs, configs / "data" / "sample.yaml")
        service, drawn = Service(ApiSettings(workspace, device="cpu")), list[bytes]()
        generate = service.engine.generate

        def kept(*given: object) -> GeneratedClip:
            clip = generate(*given)  # type: ignore[arg-type]
            drawn.append(clip.frames.tobytes())
            return clip

        service.engine.generate = kept  # type: ignore[assignment]
        done(service)
        chance, as_said, alike = random.Random(0), Counter[str](), Counter[str]()
        names = [chance.choice([*FAULTS, "the time is over"]) for _ in range(options.faults)]
        for name in names:
            as_said[name] += failed_as_said(service, name)
            done(service)
            alike[name] += drawn[-1] == drawn[0]
        service.runner.close()
    print("| fault | failed as said | next clip as ever |", "| --- | --- | --- |", sep="\n")
    for name, times in sorted(Counter(names).items()):
        print(f"| {name} | {as_said[name]} of {times} | {alike[name]} of {times} |")


def done(service: Service) -> None:
    _, future = service.submit(REQUEST, service.presets(), anew=True)
    future.result()


def failed_as_said(service: Service, name: str) -> bool:
    presets = service.presets()
    if name == "the time is over":
        limits = presets.limits.model_copy(update={"max_seconds": 0})
        short = presets.model_copy(update={"limits": limits})
        with patch.object(service, "presets", return_value=short):
            return code(service) == "timeout"
    where, what, raised, expected = FAULTS[name]
    if what == "pipeline":
        service.engine.drop()  # else nothing is loaded, and nothing can go wrong with that
    with patch.object(where, what, side_effect=raised()):
        return code(service) == expected


def code(service: Service) -> str | None:
    job, future = service.submit(REQUEST, service.presets(), anew=True)
    future.exception()
    error = service.jobs.get(job.id).error
    return error.code if error else None


if __name__ == "__main__":
    main()

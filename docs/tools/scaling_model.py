"""What each stage needs at a size: work, storage, memory and money, from `scaling.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter
from ruamel.yaml import YAML

FIGURES_FILE: Final = Path(__file__).with_name("scaling.yaml")
HOUR_S: Final = 3600
GPU: Final = "GPU"


class Figure(BaseModel):
    """One line of `scaling.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    unit: str
    kind: str
    source: str
    range: tuple[float, float] | None = None
    """From the cheapest to the dearest."""


Numbers = Mapping[str, float]


def read_figures(file: Path = FIGURES_FILE) -> dict[str, Figure]:
    """All figures, by name."""
    return TypeAdapter(dict[str, Figure]).validate_python(YAML(typ="safe").load(file))


def numbers(figures: Mapping[str, Figure], end: int | None = None) -> dict[str, float]:
    """The values; with `end` 0 or 1 the cheapest or the dearest of each range. Parameters that are
    chosen keep theirs."""
    return {
        name: one.value
        if end is None or one.range is None or one.kind == "chosen"
        else one.range[end]
        for name, one in figures.items()
    }


@dataclass(frozen=True)
class Work:
    """What a stage does over all clips, however many machines share it."""

    alone_s: float = 0
    """In one process, before or beside all else."""
    gpu_s: float = 0
    core_s: float = 0
    moved_bytes: float = 0
    """Read or written."""
    disk_bytes: float = 0
    """What stays."""
    memory_bytes: float = 0
    """Of its largest process, where it grows with the clips."""
    gpus: int = 1
    """The most that it uses as the project stands."""


@dataclass(frozen=True)
class Cost:
    """How long a stage takes on so many GPUs, what that costs, and what it waits for."""

    seconds: float
    usd: float
    limit: str


def cost(work: Work, gpus: int, n: Numbers, spread: bool = False) -> Cost:
    """As the project stands: on one machine and the GPUs that the stage uses, while all are paid
    for. `spread`: if all GPUs, and the machines they are in, shared the work evenly."""
    machines = ceil(gpus / n["gpus_per_machine"]) if spread else 1
    parts = {
        GPU: work.gpu_s / (gpus if spread else min(gpus, work.gpus)),
        "cores": work.core_s / (n["cores"] * machines),
        "disk": work.moved_bytes / (n["disk_bytes_per_s"] * machines),
    }
    limit = max(parts, key=lambda name: parts[name])
    seconds = work.alone_s + parts[limit]
    if work.alone_s > parts[limit]:
        limit = "one process"
    paid = gpus * n["gpu_hour_usd"] if work.gpu_s else machines * n["machine_hour_usd"]
    return Cost(seconds, seconds / HOUR_S * paid, limit)


def curation(clips: float, n: Numbers) -> Work:
    document = clips * n["metadata_clip_bytes"]
    return Work(
        alone_s=clips * (n["rows_per_clip"] * n["curation_row_s"] + n["curation_clip_s"]),
        disk_bytes=document * (1 + n["manifest_share"]),
        memory_bytes=clips * n["curation_clip_memory"],
    )


def inventory(clips: float, n: Numbers) -> Work:
    footage = clips * n["footage_clip_bytes"]
    return Work(
        core_s=clips * n["inventory_clip_cpu_s"],
        moved_bytes=footage,
        disk_bytes=footage + clips * n["footage_record_bytes"],
    )


def first_frames(clips: float, n: Numbers) -> Work:
    return Work(
        alone_s=clips * n["read_clip_s"],
        core_s=clips * n["frame_clip_cpu_s"],
        moved_bytes=clips * (n["footage_clip_bytes"] + n["frame_clip_bytes"]),
        disk_bytes=clips * n["frame_clip_bytes"],
        memory_bytes=clips / n["scenarios"] * n["read_clip_memory"],
    )


def latents(clips: float, n: Numbers) -> Work:
    made = clips * n["latent_bytes"]
    return Work(
        alone_s=clips * n["read_clip_s"],
        gpu_s=clips * n["vae_encode_tflop"] / (n["gpu_tflops"] * n["vae_utilisation"]),
        core_s=clips * n["decode_clip_cpu_s"],
        moved_bytes=made + clips * n["footage_clip_bytes"],
        disk_bytes=made,
        memory_bytes=clips / n["scenarios"] * n["read_clip_memory"],
    )


def embeddings(clips: float, n: Numbers) -> Work:
    prompts = clips * n["prompts_per_clip"]
    made = prompts * n["embedding_bytes"]
    return Work(
        alone_s=clips * n["read_clip_s"],
        gpu_s=prompts * n["text_encode_tflop"] / (n["gpu_tflops"] * n["text_utilisation"]),
        moved_bytes=made,
        disk_bytes=made,
        memory_bytes=clips / n["scenarios"] * n["read_clip_memory"],
    )


def training(clips: float, n: Numbers) -> Work:
    learned = clips * n["trainings_per_clip"] * n["epochs"]
    runs = n["scenarios"] + 1
    rate = n["gpu_tflops"] * n["training_utilisation"]
    between = (
        n["epoch_prompts"] * n["sampling_clip_s"] + n["epoch_passes"] * n["forward_tflop"] / rate
    )
    return Work(
        alone_s=clips * n["trainings_per_clip"] * n["read_clip_s"],
        gpu_s=learned * n["step_tflop"] / rate + runs * n["epochs"] * between,
        moved_bytes=learned * (n["latent_bytes"] + n["embedding_bytes"]),
        disk_bytes=runs * n["adapters_per_run"] * n["adapter_bytes"],
        memory_bytes=clips * n["read_clip_memory"],
        gpus=int(n["gpus_per_machine"]),
    )


def validation(clips: float, n: Numbers) -> Work:
    drawn = n["scenarios"] * n["judged_clips"]
    return Work(
        alone_s=clips * n["read_clip_s"],
        gpu_s=drawn * n["sampling_clip_s"],
        core_s=drawn * n["metrics_clip_cpu_s"],
        disk_bytes=drawn * n["clip_bytes"],
        memory_bytes=clips / n["scenarios"] * n["read_clip_memory"],
    )


def serving(clips: float, n: Numbers) -> Work:
    del clips  # footage is not read
    return Work(
        gpu_s=n["served_clips"] * n["sampling_clip_s"],
        core_s=n["served_clips"] * n["metrics_clip_cpu_s"],
        disk_bytes=n["served_clips"] * n["clip_bytes"],
    )


def refresh(clips: float, n: Numbers) -> Work:
    return Work(
        alone_s=n["refresh_s"] + clips * n["refresh_clip_s"],
        memory_bytes=clips * n["read_clip_memory"],
    )


STAGES: Final[dict[str, Callable[[float, Numbers], Work]]] = {
    "curation": curation,
    "footage inventory": inventory,
    "first frames": first_frames,
    "latents": latents,
    "prompt embeddings": embeddings,
    "training": training,
    "validation": validation,
    "serving, per month": serving,
    "refresh, nothing new": refresh,
}


def works(clips: float, n: Numbers) -> dict[str, Work]:
    """Every stage's work at a size."""
    return {name: stage(clips, n) for name, stage in STAGES.items()}

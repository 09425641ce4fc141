"""Going from adapter to adapter in the service's engine: `python benchmarks/adapter_switching.py`.

1. A random stream of base, A, B and C at several strengths against fresh processes, each of which
   draws one of them and nothing else: target 0 of 1,000 clips differ by a bit.
2. A switch between loaded adapters against unloading one and `load_lora_weights` of the other:
   target at most 1/10.
3. Memory of the process over 2,000 switches with all adapters in slots, and over a tenth as many
   with one slot too few, so that each evicts and loads: target no growth.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from api.generator.engine import Engine, Recipe  # noqa: E402
from api.generator.slots import Adapter, AdapterSlots  # noqa: E402
from slora_assets.base_models.catalogue import open_base  # noqa: E402
from slora_assets.base_models.seam import LoraShape, VideoBase  # noqa: E402
from slora_assets.documents import ADAPTER_FILE, ADAPTER_RECORD, SpeedPreset  # noqa: E402
from slora_assets.provenance import sha256_file, write_json  # noqa: E402
from slora_assets.provenance.records import read_adapter_record  # noqa: E402
from slora_assets_tests.base_models.small import acting_adapter  # noqa: E402
from slora_assets_tests.made_runs import adapter_record  # noqa: E402

SHAPES = {
    "A": LoraShape(4, 4.0, ("to_q", "to_v")),
    "B": LoraShape(8, 16.0, ("to_q", "to_k", "to_v", "to_out.0")),
    "C": LoraShape(16, 16.0, ("to_q",)),
}
SCALES = (0.4, 0.85, 1.3)
PROMPT = "a red cart moves to the left"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="miniature")
    parser.add_argument("--models", type=Path, default=PROJECT / "data" / "models")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--switches", type=int, default=2000)
    parser.add_argument("--fresh", nargs=3, metavar=("FOLDER", "ADAPTER", "SCALE"))
    options = parser.parse_args()
    base = open_base(options.base, options.models)
    if options.fresh:
        folder, name, scale = options.fresh
        print(fresh(base, Path(folder), name, float(scale), options.steps))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for seed, (name, shape) in enumerate(SHAPES.items(), start=1):
            write_adapter(base, folder / name, shape, seed)
        print("| what | found | target |", "| --- | --- | --- |", sep="\n")
        if options.draws:
            streams(options, folder)
        switches(base, folder, options.switches)


def write_adapter(base: VideoBase, folder: Path, shape: LoraShape, seed: int) -> None:
    folder.mkdir()
    file = folder / ADAPTER_FILE
    base.save_adapter(acting_adapter(base, shape, seed, size=0.1), shape, {}, file)
    identity = base.identity().model_dump(mode="json")
    record = adapter_record("market_floor", sha256_file(file), file.stat().st_size, identity, shape)
    write_json(folder / ADAPTER_RECORD, record)


def adapter_of(folder: Path, name: str, scale: float) -> Adapter | None:
    if name == "base":
        return None
    return Adapter(folder / name, read_adapter_record(folder / name), scale)


def fresh(base: VideoBase, folder: Path, name: str, scale: float, steps: int) -> str:
    """What a process draws that has loaded this and nothing else, by the seam alone."""
    pipeline = base.pipeline("cpu", "float32")
    if name != "base":
        base.load_adapter(pipeline, folder / name / ADAPTER_FILE, "fresh", scale)
    frames = base.generate(pipeline, prompt=PROMPT, seed=0, steps=steps, guidance_scale=4.0)
    return hashlib.sha256(frames.tobytes()).hexdigest()


def streams(options: argparse.Namespace, folder: Path) -> None:
    cases = [("base", 0.0), *((name, scale) for name in SHAPES for scale in SCALES)]
    expected = {case: in_fresh_process(options, folder, *case) for case in cases}
    assert len(set(expected.values())) == len(cases), "each case has a look of its own"
    chance, engine = random.Random(0), Engine(options.models, "cpu")
    differ = 0
    for name, scale in chance.choices(cases, k=options.draws):
        recipe = Recipe(
            adapter=adapter_of(folder, name, scale),
            prompt=PROMPT,
            seed=0,
            speed=SpeedPreset(steps=options.steps, guidance_scale=4.0),
            max_steps=1000,
            kept_adapters=chance.choice((1, 2, 3)),
        )
        frames = engine.generate(options.base, recipe).frames
        differ += hashlib.sha256(frames.tobytes()).hexdigest() != expected[name, scale]
    print(f"| clips unlike a fresh process's | {differ} of {options.draws} | 0 |", flush=True)


def in_fresh_process(options: argparse.Namespace, folder: Path, name: str, scale: float) -> str:
    command = [sys.executable, __file__, "--base", options.base, "--models", str(options.models)]
    command += ["--steps", str(options.steps), "--fresh", str(folder), name, str(scale)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def switches(base: VideoBase, folder: Path, count: int) -> None:
    pipeline = base.pipeline("cpu", "float32")
    adapters = [adapter for name in SHAPES if (adapter := adapter_of(folder, name, 0.85))]

    def reload(adapter: Adapter) -> None:
        pipeline.unload_lora_weights()  # type: ignore[attr-defined]
        base.load_adapter(pipeline, adapter.folder / ADAPTER_FILE, "served", adapter.scale)

    reloaded = median_s(reload, adapters, 30)
    pipeline.unload_lora_weights()  # type: ignore[attr-defined]
    slots = AdapterSlots(base, pipeline)
    for adapter in adapters:
        slots.use(adapter, len(adapters))
    switched = median_s(lambda adapter: slots.use(adapter, len(adapters)), adapters, 300)
    print(f"| unload and load_lora_weights | {1000 * reloaded:.2f} ms | |")
    print(f"| switch of slot | {1000 * switched:.3f} ms | |")
    print(f"| ratio | 1/{reloaded / switched:.1f} | at most 1/10 |")
    for most, times in ((len(adapters), count), (len(adapters) - 1, count // 10)):
        grown = growth(partial(slots.use, most=most), adapters, times)
        print(
            f"| growth over {times} switches, {most} slots | {grown:+.2f} MiB | none |", flush=True
        )


def median_s(work: Callable[[Adapter], None], adapters: list[Adapter], count: int) -> float:
    taken = []
    for number in range(count):
        began = time.perf_counter()
        work(adapters[number % len(adapters)])
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def growth(work: Callable[[Adapter], None], adapters: list[Adapter], count: int) -> float:
    """MiB that the process has grown by, after a beginning of a tenth as many switches."""
    process, before, beginning = psutil.Process(), 0, count // 10
    for number in range(beginning + count):
        if number == beginning:
            gc.collect()
            before = process.memory_info().rss
        work(adapters[number % len(adapters)])
    gc.collect()
    return (process.memory_info().rss - before) / 2**20


if __name__ == "__main__":
    main()

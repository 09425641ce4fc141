"""Curation at real size: `python benchmarks/curation.py msrvtt ANNOTATIONS` or `... panda70m`.

`msrvtt` curates the complete dataset from the shell, beside the floor: a process that only unpacks
and parses the same files. `panda70m` generates rows in Panda-70M's format and curates them.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
ROUNDS = 3
WORDS = (
    "a the person man woman is are with in of on and car road table food hand water camera"
    " holding walking standing talking showing dark bright white black blue video game"
)
FLOOR = """
import lzma, sys, orjson
for name in sys.argv[1:]:
    orjson.loads(lzma.decompress(open(name, "rb").read()))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    msrvtt = kinds.add_parser("msrvtt")
    msrvtt.add_argument("annotations", type=Path, help="folder of the two videodatainfo files")
    panda = kinds.add_parser("panda70m")
    panda.add_argument("--captions", type=int, default=10_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.kind == "msrvtt":
            complete_msrvtt(options.annotations, Path(folder))
        else:
            generated_panda(options.captions, Path(folder))


def complete_msrvtt(annotations: Path, folder: Path) -> None:
    """10,000 videos with a file each; the first examination of the files is not counted."""
    one = folder / "one.mp4"
    write_clip(one)
    footage = folder / "videos"
    footage.mkdir()
    for number in range(10_000):
        os.link(one, footage / f"video{number}.mp4")
    # The stand-in lasts a second, whatever the annotation says.
    environment = workspace(
        folder, "msrvtt", annotations=annotations, footage=footage, max_duration_difference_s=1e6
    )
    seconds, _ = timed(curate(), environment)
    print(f"first examination of 10,000 files: {seconds:.1f} s")
    files = sorted(str(file) for file in annotations.glob("*videodatainfo.json.xz"))
    for _ in range(ROUNDS):
        ours, memory = timed(curate(), environment)
        floor, _ = timed([sys.executable, "-c", FLOOR, *files], environment)
        print(
            f"complete MSR-VTT: {ours:.2f} s, {memory:.0f} MB;"
            f" unpacking and parsing alone {floor:.2f} s, ratio {ours / floor:.1f}"
        )


def generated_panda(captions: int, folder: Path) -> None:
    """Three captions per row, as in the dataset's subset of 10 million; 2 % match a scenario."""
    rows = folder / "rows.csv"
    generate(rows, captions)
    (folder / "videos").mkdir()
    environment = workspace(folder, "panda70m_full", annotations=rows, footage=folder / "videos")
    empty = folder / "empty.csv"
    generate(empty, 0)
    start_up, _ = timed(curate(), environment | {"SLORA_ANNOTATIONS": str(empty)})
    seconds, memory = timed(curate(), environment)
    print(
        f"{captions:,} captions ({rows.stat().st_size / 1e9:.2f} GB): {seconds:.1f} s, of which"
        f" {start_up:.1f} s for starting; {captions / seconds:,.0f} captions/s, {memory:.0f} MB"
    )


def generate(path: Path, captions: int) -> None:
    """Rows with Panda-70M's columns, its list notation, and captions of some 13 words."""
    rng = random.Random(0)
    words = WORDS.split()
    keywords = ["beach", "mountain", "river", "soccer", "dog", "lion"]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["videoID", "url", "timestamp", "caption", "matching_score"])
        for row in range(captions // 3):
            texts = []
            for _ in range(3):
                text = " ".join(rng.choices(words, k=13))
                if rng.random() < 0.02:
                    text += f" near a {rng.choice(keywords)}"
                texts.append(f"It's {text}." if rng.random() < 0.05 else f"{text}.")
            times = [[f"0:00:{s:02d}.500", f"0:00:{s + 9:02d}.000"] for s in (1, 15, 30)]
            name = f"v{row:010d}"
            scores = [0.43, 0.5, 0.61]
            writer.writerow([name, f"https://v/{name}", str(times), str(texts), str(scores)])


def workspace(
    folder: Path, dataset: str, *, annotations: Path, footage: Path, **more: object
) -> dict[str, str]:
    """The environment of a fresh workspace with the project's settings for a dataset."""
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(CONFIGS / "data" / f"{dataset}.yaml") | more
    settings["scenarios"] = str(CONFIGS / "data" / settings["scenarios"])
    file = folder / "dataset.yaml"
    yaml.dump(settings, file)
    return {
        **os.environ,
        "SLORA_WORKSPACE": str(folder),
        "SLORA_DATASET": str(file),
        "SLORA_ANNOTATIONS": str(annotations.absolute()),
        "SLORA_FOOTAGE": str(footage.absolute()),
    }


def write_clip(path: Path) -> None:
    import numpy as np

    from slora_assets.footage.encode import write_mp4

    write_mp4(path, np.zeros((8, 64, 96, 3), np.uint8), 8)


def curate() -> list[str]:
    return [sys.executable, "-m", "slora_assets.cli", "curate"]


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds of a process, and the most memory in MB that it and its children held."""
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()

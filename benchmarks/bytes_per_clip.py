"""Bytes per clip in a workspace: `python benchmarks/bytes_per_clip.py WORKSPACE`.

What docs/tools/scaling.yaml says of documents, and of what an `.npz` needs beside its array.
Nothing is written.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slora_assets.provenance import read_json

REMEDY = "run `make data preprocess`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    root = parser.parse_args().workspace
    metadata = root / "data/metadata"
    document, footage = metadata / "scenario_metadata.json", metadata / "footage.json"
    clips = len(read_json(document, remedy=REMEDY)["clips"])
    manifests = total([*(metadata / "manifests").glob("*.json")])
    latents = [*(root / "data/prepared/latents").rglob("*.npz")]
    embeddings = [*(root / "data/prepared/text").rglob("*.npz")]
    print(f"{clips} clips")
    print(f"scenario_metadata.json: {document.stat().st_size / clips:,.0f} bytes per clip")
    print(f"manifests: {manifests / document.stat().st_size:.2f} of it")
    files = len(read_json(footage, remedy=REMEDY)["files"])
    print(f"footage.json: {footage.stat().st_size / files:,.0f} bytes per file")
    print(f"latents: {beside(latents):,.0f} bytes beside the array")
    print(f"embeddings: {beside(embeddings):,.0f} bytes beside the array")
    print(f"embeddings: {len(embeddings) / clips:.1f} per clip, with those of the gate's prompts")


def total(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def beside(files: Sequence[Path]) -> float:
    """Bytes of a file that aren't its largest array's, on average."""
    return statistics.mean(file.stat().st_size - largest(file) for file in files)


def largest(file: Path) -> int:
    with np.load(file) as arrays:
        return max(arrays[name].nbytes for name in arrays.files)


if __name__ == "__main__":
    main()

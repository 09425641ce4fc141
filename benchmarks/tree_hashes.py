"""A workspace as one hash for each kind of file: `python benchmarks/tree_hashes.py A [B]`.

With two workspaces, both columns and the files that differ; ends non-zero if any does. Left out is
what a clock or a stat call says (journals, trackers, stat caches, locks) and Dagster's own storage.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from slora_assets.provenance import object_hash, sha256_file

_CLOCKS = ("journal.jsonl", "gpu.lock", ".verified.json")
_KINDS = {
    "footage": "data/raw/*/videos/**/*",
    "first frames": "data/raw/*/frames/*.png",
    "annotations": "data/raw/*/*.json",
    "metadata": "data/metadata/*.*",
    "manifests": "data/metadata/manifests/*.json",
    "first frame indices": "data/metadata/first_frames/*.json",
    "rejects": "data/metadata/rejects/*",
    "latents": "data/prepared/latents/**/*.npz",
    "text embeddings": "data/prepared/text/**/*.npz",
    "adapters": "checkpoints/**/*.safetensors",
    "adapter records": "checkpoints/**/adapter.json",
    "resolved recipes": "checkpoints/**/config.yaml",
    "run records": "checkpoints/**/manifest.json",
    "metrics": "checkpoints/**/*.jsonl",
    "epoch samples": "checkpoints/**/sample_epoch_*/*.mp4",
    "curves": "checkpoints/**/curves.png",
    "verdicts": "outputs/validation/*/verdict.json",
    "pairs": "outputs/validation/*/pairs.json",
    "validation samples": "outputs/validation/**/*.mp4",
    "reports": "outputs/validation/*/*.[mp][dn]*",
    "summary": "outputs/summary/*",
}


def hashes(root: Path) -> dict[str, dict[str, str]]:
    """Kind to its files' hashes by relative path."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for kind, pattern in _KINDS.items():
        for path in sorted(root.glob(pattern)):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if path.is_file() and not hidden and path.name not in _CLOCKS:
                found[kind][path.relative_to(root).as_posix()] = sha256_file(path)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspaces", type=Path, nargs="+")
    columns = [hashes(root) for root in parser.parse_args().workspaces]
    differing: list[str] = []
    for kind in _KINDS:
        files = [column[kind] for column in columns]
        shown = [f"{len(one):4d} {object_hash(one)[:12]}" for one in files]
        names = sorted({name for one in files for name in one})
        odd = [name for name in names if len({one.get(name) for one in files}) > 1]
        differing += odd
        print(f"{kind:20s}", *shown, "DIFFERENT" if odd else "", sep="  ")
    for name in differing:
        print("differs:", name)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())

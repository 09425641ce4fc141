"""Can a blocking check be walked around? `python benchmarks/walked_around.py`

What a blocking check guards is spoilt in a small finished graph: a clip of the validation split is
trained on under a second name; a clip's moments, a prompt's embedding, an exported adapter are
torn. After each, random selections of assets are materialized, most of them without the asset that
the check belongs to. Counted are the selections that made something of the spoilt input.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import dagster as dg

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from slora_assets_tests import small_graph  # noqa: E402  # the tests are not installed

SCENARIO = "market_floor"
BY_SCENARIO = (
    "scenario_manifest",
    "first_frames",
    "prompt_embeddings",
    "latents",
    "scenario_adapter",
    "scenario_validation",
)
Spoiler = Callable[[Path], Callable[[], bool]]
"""Spoils a finished graph; what it returns says whether something was made of the fault."""
FIRST = ("footage", "scenario_metadata", "base_model")


def main() -> int:
    """Print how many selections got around a check, by what was spoilt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selections", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        finished = Path(folder) / "finished"
        finished.mkdir()
        if small_graph.run(finished) != 0:
            return 1
        around = 0
        chance = random.Random(options.seed)
        for number in range(options.selections):
            spoil = SPOILERS[number % len(SPOILERS)]
            selection = chosen(chance)
            root = Path(folder) / f"try{number}"
            shutil.copytree(finished, root, symlinks=True)
            if got_around(root, spoil, selection):
                around += 1
                print(f"walked around: {spoil.__name__}, selection {selection}")
            shutil.rmtree(root)
    print(f"{around} of {options.selections} selections got around a check")
    return 1 if around else 0


def chosen(chance: random.Random) -> list[str]:
    """A random selection that holds something downstream of what was spoilt."""
    some = [name for name in (*FIRST, *BY_SCENARIO) if chance.random() < 0.5]
    return (
        some
        if set(some) & {"scenario_adapter", "scenario_validation"}
        else [*some, BY_SCENARIO[-2]]
    )


def got_around(
    root: Path, spoil: Callable[[Path], Callable[[], bool]], selection: list[str]
) -> bool:
    """Spoil a finished graph, materialize the selection, and see whether the fault got through."""
    os.environ |= small_graph.prepare(root)
    is_through = spoil(root)
    from slora_assets.defs.code_location import build_definitions

    definitions = build_definitions()
    assets = [*(definitions.assets or ()), *(definitions.asset_checks or ())]
    with dg.DagsterInstance.from_config(str(root)) as instance:
        dg.materialize(
            assets,
            selection=selection,
            resources=definitions.resources,
            partition_key=SCENARIO,
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    return is_through()


def leak(root: Path) -> Callable[[], bool]:
    """A clip that is held out comes into training under another name."""
    raw = root / "data/raw/msr-vtt"
    annotations = json.loads((raw / "videodatainfo.json").read_text())
    manifest = json.loads((root / f"data/metadata/manifests/{SCENARIO}.json").read_text())
    held_out = next(clip for clip in manifest["clips"] if clip["split"] == "validation")
    twin = "twin_of_a_held_out_clip"
    shutil.copy(root / held_out["path"], raw / "videos" / f"{twin}.mp4")
    video = next(v for v in annotations["videos"] if v["video_id"] == held_out["id"])
    annotations["videos"].append(video | {"video_id": twin, "split": "train", "url": twin})
    annotations["sentences"] += [
        sentence | {"video_id": twin}
        for sentence in annotations["sentences"]
        if sentence["video_id"] == held_out["id"]
    ]
    (raw / "videodatainfo.json").write_text(json.dumps(annotations))
    return lambda: (
        twin in (root / f"checkpoints/scenario_loras/{SCENARIO}/manifest.json").read_text()
    )


def torn_moments(root: Path) -> Callable[[], bool]:
    """All moments hold other numbers than were written (a short run may not draw a single clip's);
    the adapter is gone."""
    for file in (root / f"data/prepared/latents/{SCENARIO}").glob("*.npz"):
        _tear(file)
    return _trained_again(root)


def torn_embedding(root: Path) -> Callable[[], bool]:
    """Every embedding is torn; the adapter is gone."""
    for file in (root / "data/prepared/text").rglob("*.npz"):
        _tear(file)
    return _trained_again(root)


def torn_adapter(root: Path) -> Callable[[], bool]:
    """An exported adapter is not the one that was recorded; its verdict is gone."""
    for file in (root / f"checkpoints/scenario_loras/{SCENARIO}/adapters").rglob("*.safetensors"):
        _tear(file)
    verdict = root / f"outputs/validation/{SCENARIO}/verdict.json"
    verdict.unlink()
    # A selection that trains may find the run whole by its record; nobody may judge those bytes.
    return verdict.exists


def _tear(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def _trained_again(root: Path) -> Callable[[], bool]:
    run = root / f"checkpoints/scenario_loras/{SCENARIO}"
    shutil.rmtree(run)
    before = {path: path.read_bytes() for path in (root / "data/prepared").rglob("*.npz")}

    def trained_on_what_was_torn() -> bool:
        mended = any(path.read_bytes() != content for path, content in before.items())
        return (run / "manifest.json").is_file() and not mended

    return trained_on_what_was_torn


SPOILERS = (leak, torn_moments, torn_embedding, torn_adapter)


if __name__ == "__main__":
    sys.exit(main())

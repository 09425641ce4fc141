"""What `slora verify` finds: `python benchmarks/tampering.py --trials 1000 --clean 100`.

A small project is made in earnest (`slora_assets_tests/small_graph.py`), one of its adapters
promoted, and clips published: a preview before that, one of the promoted adapter, one of the base,
and one that is deleted again. Each trial changes one artefact of one kind in one way, asks `verify`
about the whole project, and puts it back: one flipped bit, a value of a JSON file edited, two files
of a kind exchanged, a file deleted, an older version put back, a file that no stage wrote put
beside others. It counts as found when a broken link names the file. Clean trees are copies of the
project, where nothing may be broken. The seed decides all choices.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.promotion import demote, promote
from slora_assets.governance.verification.verify import verify

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from slora_assets_tests.small_graph import prepare  # noqa: E402  # the tests are not installed

SCENARIO = "market_floor"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--clean", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="make the project here, or use it as it stands")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = (options.keep or Path(folder) / "project").absolute()
        workspace = made(root)
        older = older_versions(workspace)
        false = sum(bool(broken(workspace)) for _ in range(options.clean))
        print(f"{false} of {options.clean} whole projects were called broken", flush=True)
        trials(workspace, older, options.trials)


def made(root: Path) -> Workspace:
    """The project; a promotion is asked for with a gate that lets two steps of training pass."""
    if not (root / "outputs" / "summary").is_dir():
        root.mkdir(parents=True)
        script = PROJECT / "slora_assets_tests" / "small_graph.py"
        subprocess.run([sys.executable, str(script), str(root)], check=True, capture_output=True)
    os.environ.update(prepare(root))
    workspace = Workspace.from_environment()
    prompts = workspace.validation_prompts
    prompts.write_text(prompts.read_text() + "  min_effect: 0.0001\n")
    command = ["slora_assets.validation.command", "--run", str(workspace.scenario_run(SCENARIO))]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
    published(workspace, {"seed": 1})
    for _ in range(2):  # a demotion between them, so that logs have older versions
        promote(workspace, SCENARIO, "a benchmark", "to be tampered with", True)
        before = workspace.changelog.read_bytes()
        demote(workspace, SCENARIO, "a benchmark", "to be promoted again")
        (root / "older_changelog").write_bytes(before)
    promote(workspace, SCENARIO, "a benchmark", "to be tampered with", True)
    published(workspace, {"seed": 2}, {"seed": 3, "lora_scale": 0}, {"seed": 4}, delete_last=True)
    return workspace


def published(workspace: Workspace, *asked: dict[str, float], delete_last: bool = False) -> None:
    """Clips by the service, of what is promoted or else as previews."""
    settings = ApiSettings(workspace, preview=True, device="cpu")
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        for one in asked:
            form = {"prompt": "a blue cart at the market", "scenario": SCENARIO, **one}
            answer = client.post("/generate", data=form).raise_for_status()
        if delete_last:
            client.delete(answer.json()["url"]).raise_for_status()


def older_versions(workspace: Workspace) -> dict[Path, bytes]:
    """Records as they once were: the change log before a demotion, metadata before a change."""
    return {workspace.changelog: (workspace.root / "older_changelog").read_bytes()}


def kinds(workspace: Workspace) -> Mapping[str, list[Path]]:
    """All artefacts, by kind."""
    metadata, run = workspace.metadata, workspace.root / "checkpoints"
    found = {
        "footage": workspace.raw("msr-vtt").glob("videos/*.mp4"),
        "documents of curation": [workspace.footage_inventory, workspace.scenario_metadata],
        "manifests": workspace.manifests.glob("*.json"),
        "first frames": workspace.frames("msr-vtt").glob("*.png"),
        "indexes": (
            file
            for name in ("first_frames", "latents", "prompt_embeddings")
            for file in (metadata / name).glob("[!.]*.json")
        ),
        "latents": workspace.latents.rglob("*.npz"),
        "embeddings": workspace.text_embeddings.rglob("*.npz"),
        "adapters": run.rglob("adapters/*/*.safetensors"),
        "run records": [*run.glob("scenario_loras/[!.]*/*.json"), *run.glob("[!.]*/manifest.json")],
        "recipes": run.rglob("config.yaml"),
        "samples": workspace.outputs.glob("validation/*/samples/**/*.mp4"),
        "verdicts": workspace.outputs.glob("validation/*/verdict.json"),
        "measurements": workspace.outputs.glob("validation/*/pairs.json"),
        "registry": workspace.registry.rglob("*.*"),
        "published clips": workspace.artifacts.glob("*.mp4"),
        "what is said of clips": workspace.artifacts.glob("*.json"),
        "register": workspace.register.glob("*.json"),
        "ledger and change log": [workspace.ledger, workspace.changelog],
        "heads and signatures": [
            *workspace.ledger.parent.glob("*.head.json"),
            *(workspace.ledger.parent / "signed_presets").glob("*"),
            *workspace.outputs.glob("validation/*/verdict.json.sig"),
        ],
    }
    listed = {
        name: sorted(file for file in files if file.is_file()) for name, files in found.items()
    }
    # Begun runs are no artefacts; embeddings of neutral prompts are made in passing by validation.
    known = recorded(workspace)
    kept = (
        "documents of curation",
        "ledger and change log",
        "heads and signatures",
        "footage",
        "registry",
        "published clips",
        "what is said of clips",
        "register",
    )
    return {
        name: [file for file in files if name in kept or file in known]
        for name, files in listed.items()
    }


def recorded(workspace: Workspace) -> set[Path]:
    """Every file that the ledger or an index lists."""
    from slora_assets.caches.index import recorded_hashes
    from slora_assets.provenance.ledger import last_records

    files = set(recorded_hashes(workspace))
    for path, entry in last_records(workspace).items():
        file = workspace.absolute(path)
        files |= {file, *(file.parent / name for name in entry.files)}
        if entry.kind == "first_frames":
            made = json.loads(file.read_bytes())["frames"]
            files |= {workspace.frames("msr-vtt") / f"{name}.png" for name in made}
    return files


def broken(workspace: Workspace) -> list[str]:
    tree = verify(workspace, workspace.root)
    return [f"{link.path} {link.says}" for link in tree.broken()]


def trials(workspace: Workspace, older: Mapping[Path, bytes], count: int) -> None:
    chance = random.Random(0)
    artefacts = kinds(workspace)
    ways: dict[str, Callable[[Path, list[Path], random.Random], list[Path]]] = {
        "flip": flip,
        "edit": edit,
        "swap": swap,
        "delete": delete,
        "replay": lambda file, among, chance: replay(older, chance),
        "stray": lambda file, among, chance: stray(workspace, chance),
    }
    asked, found = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    spent: list[float] = []
    while asked.total() < count:
        kind, way = chance.choice(list(artefacts)), chance.choice(list(ways))
        among = [file for file in artefacts[kind] if way != "edit" or file.suffix == ".json"]
        if len(among) < (2 if way == "swap" else 1):
            continue
        before = {one: one.read_bytes() for one in [*among, *older]}
        kind = {"replay": "older records", "stray": "files of nobody"}.get(way, kind)
        changed = ways[way](chance.choice(among), among, chance)
        if all(before.get(one) == content(one) for one in changed):
            continue  # two equal files exchanged
        began = time.perf_counter()
        said = broken(workspace)
        spent.append(time.perf_counter() - began)
        asked[kind, way] += 1
        names = [one.name for one in changed]
        found[kind, way] += any(name in line for name in names for line in said)
        if found[kind, way] != asked[kind, way]:
            print(f"not found: {way} of {changed}: {said[:2]}")
        restore(changed, before)
    for kind, way in sorted(asked):
        print(f"  {kind:<24} {way:<8} {found[kind, way]} of {asked[kind, way]}")
    print(f"{found.total()} of {asked.total()} named; {max(spent):.2f} s at most per project")


def content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def restore(changed: list[Path], before: Mapping[Path, bytes]) -> None:
    for file in changed:
        if file in before:
            file.write_bytes(before[file])
        elif file.parent.name in ("kitchen", "f" * 64):
            shutil.rmtree(file.parent, ignore_errors=True)  # another file of it has taken it along
        else:
            file.unlink()


def flip(file: Path, _among: list[Path], chance: random.Random) -> list[Path]:
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)
    return [file]


def edit(file: Path, _among: list[Path], chance: random.Random) -> list[Path]:
    """Another text or number somewhere, written as the project writes JSON."""
    document = json.loads(file.read_bytes())
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = chance.choice(keys)
        if isinstance(place[key], dict | list) and place[key]:
            place = place[key]
            continue
        place[key] = "edited" if isinstance(place[key], str) else 12345
        break
    file.write_text(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    return [file]


def swap(file: Path, among: list[Path], chance: random.Random) -> list[Path]:
    other = chance.choice([one for one in among if one != file])
    contents = file.read_bytes(), other.read_bytes()
    other.write_bytes(contents[0])
    file.write_bytes(contents[1])
    return [file, other]


def delete(file: Path, _among: list[Path], _chance: random.Random) -> list[Path]:
    file.unlink()
    return [file]


def replay(older: Mapping[Path, bytes], chance: random.Random) -> list[Path]:
    file = chance.choice(list(older))
    file.write_bytes(older[file])
    return [file]


def stray(workspace: Workspace, chance: random.Random) -> list[Path]:
    """What nobody made: a verdict of another scenario, an adapter in the registry, a clip among the
    published ones, with its words or without, and an entry of the register."""
    nobody = "f" * 64
    clip = workspace.artifacts / f"{nobody[:32]}.mp4"
    copies: list[dict[Path, Path]] = [
        {workspace.validation("kitchen") / "verdict.json": workspace.validation(SCENARIO)},
        {
            workspace.registry / nobody / name: next(workspace.registry.glob("*"))
            for name in ("pytorch_lora_weights.safetensors", "adapter.json")
        },
        {clip: next(workspace.artifacts.glob("*.mp4"))},
        {
            clip: next(workspace.artifacts.glob("*.mp4")),
            clip.with_suffix(".json"): next(workspace.artifacts.glob("*.json")),
        },
        {workspace.register / f"{clip.stem}.json": next(workspace.register.glob("*.json"))},
    ]
    made = chance.choice(copies)
    for target, source in made.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / target.name if source.is_dir() else source, target)
    return list(made)


if __name__ == "__main__":
    main()

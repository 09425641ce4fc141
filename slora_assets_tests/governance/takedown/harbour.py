"""A workspace with two scenarios of clips that differ, curated, with runs that saw them and all
that stages would have left of them; no model is loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from slora_assets.caches import first_frames
from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.index import write_index
from slora_assets.caches.stores import store_of
from slora_assets.caches.validity import latent_key, text_file, text_key, write_array
from slora_assets.config.data import read_dataset
from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.documents import (
    ADAPTER_RECORD,
    RUN_RECORD,
    VERDICT_FILE,
    BaseIdentity,
    CacheName,
    Clip,
    Geometry,
    ScenarioMetadata,
)
from slora_assets.footage import credentials, fingerprints, inventory
from slora_assets.footage.encode import write_mp4
from slora_assets.processes.isolation import Task
from slora_assets.provenance import object_hash, sha256_bytes, write_bytes, write_json
from slora_assets.provenance.curated import read_metadata
from slora_assets.provenance.ledger import put_on_record
from slora_assets_tests.folder_dataset import curated, folder_workspace, write_scenario
from slora_assets_tests.made_runs import BASE, SHAPE, adapter_record, run_record
from slora_assets_tests.workspaces import choose, rewrite

VIDEO: Final = "https://www.youtube.com/watch?v=quayside01"
CAPTIONS: Final[Mapping[str, str]] = {
    "boat": "a boat enters the harbour",
    "ferry": "a ferry leaves the harbour",
    "held_out_ship": "a ship in the harbour at night",
    "dunes": "dunes behind the beach",
    "waves": "waves at the beach",
    "held_out_bathers": "bathers at the beach",
}
PROMPTS: Final = """\
schema_version: 1
seeds: [1]
scenarios:
  beach: {prompts: [a beach in the evening]}
gate:
  guards: {clip_similarity: {margin: 0.02, improves: true}}
"""
IDENTITY: Final = BaseIdentity(
    name="tiny",
    revision="r1",
    licence="Apache-2.0",
    trained=True,
    parts={"vae": "0a", "text_encoder": "0b" * 32},
)
GEOMETRY: Final = Geometry(frames=9, height=32, width=48, fps=8)


def picture(seed: int, width: int = 96, height: int = 64) -> np.ndarray:
    """[9, H, W, 3] of large soft spots that no other seed has."""
    import cv2

    spots = np.random.default_rng(seed).integers(0, 255, (6, 9, 3)).astype(np.uint8)
    frame = cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(frame, step, axis=1) for step in range(9)])


def add(
    root: Path, name: str, caption: str, frames: np.ndarray, crf: int = 20, **said: Any
) -> Path:
    """A clip with its caption, and what else is said of it."""
    video = root / "footage" / f"{name}.mp4"
    write_mp4(video, frames, 8, crf)
    split = "validate" if name.startswith("held_out") else "train"
    video.with_suffix(".json").write_text(
        json.dumps({"captions": [caption], "split": split} | said)
    )
    return video


def harbour(root: Path, patch: pytest.MonkeyPatch) -> Workspace:
    """Footage and settings, sorted."""
    examine_here(patch)
    workspace = choose(folder_workspace(root, {}), patch)
    workspace.validation_prompts.write_text(PROMPTS)
    write_scenario(workspace, "harbour", "harbour")
    write_scenario(workspace, "beach", "beach")
    for seed, (name, caption) in enumerate(CAPTIONS.items()):
        add(root, name, caption, picture(seed), **({"source": VIDEO} if name == "boat" else {}))
    sort(workspace)
    return workspace


def examine_here(patch: pytest.MonkeyPatch) -> None:
    """Files are examined in this process: starting others takes longer than all the rest."""
    for room in (inventory, fingerprints, credentials, first_frames):
        patch.setattr(room, "isolated", _in_turn)


def copied(workspace: Workspace, root: Path, patch: pytest.MonkeyPatch) -> Workspace:
    """A copy for a test to change."""
    examine_here(patch)
    shutil.copytree(workspace.root, root)
    dataset = root / workspace.dataset_file.relative_to(workspace.root)
    chosen = {"SLORA_WORKSPACE": root, "SLORA_CONFIGS": root / "configs", "SLORA_DATASET": dataset}
    return choose({name: str(path) for name, path in chosen.items()}, patch)


def _in_turn(function: Callable[..., object], tasks: Iterable[Task]) -> Iterator[object]:
    for _, arguments, _ in tasks:
        try:
            yield function(*arguments)
        except FootageError as error:
            yield error


def sort(workspace: Workspace) -> ScenarioMetadata:
    """Curation and the manifests, as `make data preprocess` makes them."""
    metadata = curated(workspace)
    for name in metadata.scenarios:
        write_manifest(workspace, name)
    return metadata


def ids(workspace: Workspace) -> set[str]:
    """The clips that scenarios get of the footage as it is."""
    return {clip.id for clip in curated(workspace).clips}


def rejected(workspace: Workspace) -> dict[str, str]:
    """Clips that are rejected as taken down, with the detail."""
    return {r.id: r.detail for r in curated(workspace).rejects if r.reason == "taken_down"}


def leave_traces(workspace: Workspace) -> None:
    """What the stages make of every clip: frames, latents, embeddings, measured clips, runs of both
    scenarios and of all, samples, validations and pages."""
    metadata = curated(workspace)
    for name in metadata.scenarios:
        clips = metadata.of_scenario(name)
        index = workspace.first_frame_index(name)
        cache_first_frames(clips, workspace.root, index, workspace.quarantine)
        put_on_record(workspace, "first_frames", index, parents=[workspace.manifest(name)])
        _run(workspace, name, clips)
    _run(workspace, "lora_unified", metadata.clips)
    for clip in metadata.clips:
        key = latent_key(clip, IDENTITY, GEOMETRY)
        write_array(workspace.root / clip.latent, "moments", np.zeros((2, 2), np.float16), key)
        _measured(workspace, {"footage": key})
    asked = [*(p for clip in metadata.clips for p in clip.prompts), "a beach in the evening", ""]
    for text in asked:
        file = text_file(workspace.text_embeddings, text, IDENTITY)
        write_array(file, "embedding", np.zeros((2, 2), np.float16), text_key(text, IDENTITY))
    for name in metadata.scenarios:
        clips = metadata.of_scenario(name)
        latents = {clip.id: workspace.root / clip.latent for clip in clips}
        write_index(workspace, "latents", name, latents, IDENTITY)
        texts = [clip.prompts[0] for clip in clips]
        embeddings = {one: text_file(workspace.text_embeddings, one, IDENTITY) for one in texts}
        write_index(workspace, "prompt_embeddings", name, embeddings, IDENTITY)
    for text in asked[:-1]:
        _measured(workspace, {"asked": [[text, 1]], "drawn": 0})


def move_into_shards(workspace: Workspace) -> None:
    """Latents and embeddings as `shard_mib` has them lie."""
    metadata = read_metadata(workspace.scenario_metadata)
    for name in metadata.scenarios:
        clips = metadata.of_scenario(name)
        keys = {clip.id: latent_key(clip, IDENTITY, GEOMETRY) for clip in clips}
        files = {clip.id: workspace.root / clip.latent for clip in clips}
        _move(workspace, "latents", name, "moments", files, keys)
        texts = [clip.prompts[0] for clip in clips]
        keys = {one: text_key(one, IDENTITY) for one in texts}
        files = {one: text_file(workspace.text_embeddings, one, IDENTITY) for one in texts}
        _move(workspace, "prompt_embeddings", name, "embedding", files, keys)


def _move(
    workspace: Workspace,
    cache: CacheName,
    scenario: str,
    array: str,
    files: dict[str, Path],
    keys: dict[str, dict[str, Any]],
) -> None:
    store = store_of(next(iter(files.values())).parent, array, 1)
    store.adopt({files[name]: keys[name] for name in files})
    where = {name: store.where(files[name], keys[name]) for name in files}
    write_index(workspace, cache, scenario, where, IDENTITY)
    for file in files.values():
        file.unlink()


def _measured(workspace: Workspace, key: dict[str, Any]) -> None:
    """A measured clip, as far as it is known by its key: to measure one takes seconds."""
    file = workspace.measured_clips / f"{object_hash(key)}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, frames=np.zeros(1), key=np.array(json.dumps(key)))


def adapter_of(workspace: Workspace, run: str) -> str:
    """The hash of a run's adapter."""
    return sha256_bytes(f"weights of {run}".encode())


def _run(workspace: Workspace, name: str, clips: list[Clip]) -> None:
    folder = workspace.root / "checkpoints" / name
    if name != "lora_unified":
        folder = workspace.scenario_run(name)
    sha256 = adapter_of(workspace, name)
    seen = [c.model_dump(include={"id", "sha256", "scenario", "split"}) for c in clips]
    scenarios = sorted({clip.scenario for clip in clips})
    record = run_record(name, sha256) | {"clips": seen, "dataset": "harbours"}
    write_json(folder / RUN_RECORD, record | {"scenarios": scenarios})
    epoch = folder / "adapters" / "epoch_2"
    write_bytes(epoch / "pytorch_lora_weights.safetensors", f"weights of {name}".encode())
    write_json(epoch / ADAPTER_RECORD, adapter_record(name, sha256, 9, BASE, SHAPE))
    prompts = [[f"{c.scenario}_{i:02d}", c.prompts[0]] for i, c in enumerate(clips)]
    write_json(folder / "begun_with.json", {"facts": {"prompts": prompts}})
    validation = workspace.validation(name)
    pairs = [{"prompt_id": one, "prompt": text} for one, text in prompts]
    write_json(validation / "pairs.json", {"pairs": pairs})
    for one, _ in prompts:
        write_bytes(folder / "sample_epoch_2" / f"{one}_1.mp4", b"sample")
        write_bytes(validation / "samples" / "adapter" / f"{one}_1.mp4", b"sample")
    for clip in clips:
        write_bytes(validation / "samples" / "footage" / f"{clip.id}.mp4", b"footage")
    write_bytes(validation / "contact_sheet.png", b"sheet")
    put_on_record(
        workspace,
        "run",
        folder / RUN_RECORD,
        files=[epoch / "pytorch_lora_weights.safetensors", epoch / ADAPTER_RECORD],
    )
    files = sorted(path for path in validation.rglob("*") if path.is_file())
    write_json(validation / VERDICT_FILE, {"of": name})
    put_on_record(
        workspace,
        "verdict",
        validation / VERDICT_FILE,
        parents=[folder / RUN_RECORD],
        files=files,
    )
    write_bytes(workspace.report(name), b"page")
    put_on_record(workspace, "report", workspace.report(name))
    write_bytes(workspace.project_report, b"page")


def say(workspace: Workspace, name: str, **said: Any) -> None:
    """Say something else of a clip."""
    rewrite(workspace.root / "footage" / f"{name}.json", lambda content: content.update(said))


def dataset_of(workspace: Workspace) -> Any:
    return read_dataset(workspace.dataset_file)[0]

"""What each asset of the graph shows a person is what lies on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from PIL import Image

from slora_assets import __version__
from slora_assets.config.data import read_dataset
from slora_assets.config.training import TrainingSettings
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.manifest import dataset_hash, read_manifest
from slora_assets.documents import ADAPTER_FILE, ADAPTER_RECORD, RUN_RECORD, VERDICT_FILE
from slora_assets.miniature.weights import build
from slora_assets.provenance import object_hash, sha256_file
from slora_assets.training.plan import TRAINING_VERSION
from slora_assets_tests.defs.shown import (
    ADAPTERS,
    BROKEN,
    SCENARIO,
    TOO_SHORT,
    VERDICTS,
    WITHOUT_FOOTAGE,
    Graph,
    is_small_copy,
    own_embeddings,
    pictures,
)

ENCODED = ("latents", "prompt_embeddings")


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple) and not isinstance(value, dg.AssetKey):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, float):
        yield value


def test_every_asset_shows_paths_that_exist_and_numbers_that_are_numbers(graph: Graph) -> None:
    for shown in (graph.first, graph.second):
        assert set(shown.assets) == {
            "base_model",
            "first_frames",
            "footage",
            "inference_presets",
            "latents",
            "project_report",
            "project_summary",
            "scale_sweep",
            "prompt_embeddings",
            "scenario_adapter",
            "scenario_manifest",
            "scenario_metadata",
            "scenario_report",
            "scenario_validation",
            "unified_adapter",
            "unified_report",
            "unified_validation",
        }
        for asset, metadata in shown.assets.items():
            paths = [v.path for v in metadata.values() if isinstance(v, dg.PathMetadataValue)]
            assert all(path and Path(path).exists() for path in paths), asset
            assert paths or asset == "base_model"
            assert all(math.isfinite(number) for number in _numbers(shown.of(asset))), asset


def test_what_is_on_record_shows_its_hash_its_parents_and_their_assets(graph: Graph) -> None:
    workspace, shown = graph.workspace, graph.first
    records = {
        "footage": workspace.footage_inventory,
        "scenario_metadata": workspace.scenario_metadata,
        "scenario_manifest": workspace.manifest(SCENARIO),
        "scenario_adapter": workspace.scenario_run(SCENARIO) / RUN_RECORD,
        "unified_adapter": workspace.unified_run / RUN_RECORD,
        "scenario_validation": workspace.validation(SCENARIO) / VERDICT_FILE,
    }
    for asset, file in records.items():
        assert shown.of(asset)["record_sha256"] == sha256_file(file), asset
        for path, sha256 in shown.of(asset)["made from"].items():
            assert sha256_file(workspace.absolute(path)) == sha256
    adapter = shown.of("scenario_adapter")
    assert adapter["from scenario_manifest"] == dg.AssetKey("scenario_manifest")
    assert adapter["from latents"] == dg.AssetKey("latents")
    assert shown.of("unified_validation")["from unified_adapter"] == dg.AssetKey("unified_adapter")
    assert (adapter["use"], adapter["licences"]) == ("research", "Apache-2.0")
    assert "the dataset's use is 'tests'" in adapter["licence clauses"]
    assert graph.second.of("inference_presets")["uses"] == {SCENARIO: "research"}


def test_a_second_pass_makes_nothing_again_and_gives_the_same_versions(graph: Graph) -> None:
    cached = {name for name, shown in graph.first.assets.items() if "cache" in shown}
    assert cached == {"first_frames", *ENCODED, *ADAPTERS, *VERDICTS, "scale_sweep"}
    for name in cached:
        assert graph.first.of(name)["cache"] == "miss"
        assert graph.second.of(name)["cache"] == "hit"
    changed = {n for n, v in graph.second.versions.items() if v != graph.first.versions[n]}
    assert changed == {"inference_presets", "scenario_report", "project_report"}, (
        "the one file that was changed in between, and what says that an adapter is promoted"
    )


def test_footage_shows_what_lies_in_its_folder(graph: Graph) -> None:
    shown, workspace = graph.first.of("footage"), graph.workspace
    raw = workspace.raw("msr-vtt")
    usable = [path for path in (raw / "videos").iterdir() if path.stem != BROKEN]
    assert shown["files"] == len(usable)
    assert shown["bytes"] == sum(path.stat().st_size for path in usable)
    assert shown["unusable"] == 1
    (reject,) = shown["rejects"]
    assert (reject["clip"], reject["reason"]) == (BROKEN, "corrupt")
    name = "videodatainfo.json"
    assert shown["annotations"] == {name: sha256_file(raw / name)}
    assert (shown["licence"], shown["use"]) == ("Apache-2.0", "tests")
    inventory = json.loads(workspace.footage_inventory.read_text())
    assert graph.first.versions["footage"] == object_hash(inventory)


def test_curation_shows_its_document_and_its_report(graph: Graph) -> None:
    shown, workspace = graph.first.of("scenario_metadata"), graph.workspace
    document = json.loads(workspace.scenario_metadata.read_text())
    assert shown["clips"] == len(document["clips"]) == graph.first.of("footage")["files"]
    assert shown["rejects"] == len(pl.read_parquet(workspace.metadata / "rejects")) > 0
    _, scenarios = read_dataset(workspace.dataset_file)
    assert shown["config_hash"] == object_hash(scenarios.model_dump(mode="json"))
    assert shown["report"] == workspace.curation_report.read_text()
    assert graph.first.versions["scenario_metadata"] == sha256_file(workspace.scenario_metadata)


def test_a_manifest_shows_its_clips_by_split(graph: Graph) -> None:
    shown = graph.first.of("scenario_manifest")
    manifest = read_manifest(graph.workspace.manifest(SCENARIO))
    for split in ("train", "validation", "test"):
        assert shown[split] == sum(clip.split == split for clip in manifest.clips) > 0
    assert shown["source_groups"] == len({clip.source_group for clip in manifest.clips})
    identities = sorted((clip.identity() for clip in manifest.clips), key=lambda c: str(c["id"]))
    assert shown["dataset_hash"] == object_hash(identities)
    assert graph.first.versions["scenario_manifest"] == shown["dataset_hash"]


def test_first_frames_show_how_many_were_made_and_one_of_them(graph: Graph) -> None:
    shown = graph.first.of("first_frames")
    folder = Path(shown["folder"])
    assert (shown["made"], shown["kept"]) == (len(list(folder.glob("*.png"))), 0)
    assert shown["quarantined"] == 0
    again = graph.second.of("first_frames")
    assert (again["made"], again["kept"]) == (0, shown["made"])
    (picture,) = pictures(shown["examples"])
    assert picture.width / picture.height == pytest.approx(4 * 720 / (2 * 480), rel=0.02)
    manifest = read_manifest(graph.workspace.manifest(SCENARIO))
    assert shown["dataset_hash"] == manifest.dataset_hash
    first = graph.workspace.root / manifest.clips[0].first_frame
    corner = picture.crop((0, 0, picture.width // 4 - 4, picture.height // 2 - 4))
    assert is_small_copy(corner, Image.open(first))
    index = json.loads(graph.workspace.first_frame_index(SCENARIO).read_text())["frames"]
    for clip_id, frame in index.items():
        assert frame["sha256"] == sha256_file(folder / f"{clip_id}.png")
    assert graph.first.versions["first_frames"] == object_hash(index)


def test_the_base_shows_which_weights_it_is(graph: Graph) -> None:
    shown = graph.first.of("base_model")
    folder = Path(build.__file__).parent / "base"
    card = json.loads((folder / "slora.json").read_text())
    for name in ("name", "revision", "licence", "trained"):
        assert shown[name] == card[name]
    assert shown["geometry"] == card["geometry"]
    assert set(shown["parts"]) == {"text_encoder", "vae", "transformer"}
    assert shown["source"] == "slora's miniature, shipped with it"
    identity = ("name", "revision", "licence", "trained", "parts")
    assert graph.first.versions["base_model"] == object_hash({key: shown[key] for key in identity})


def _key(file: Path) -> dict[str, object]:
    """What a cache file says that it was made from."""
    with np.load(file) as archive:
        key: dict[str, object] = json.loads(str(archive["key"]))
        return key


def test_caches_show_how_many_files_they_hold_and_a_version_over_their_keys(graph: Graph) -> None:
    for name in ENCODED:
        shown = graph.first.of(name)
        files = list(Path(shown["folder"]).rglob("*.npz"))
        if name == "prompt_embeddings":
            files = own_embeddings(graph.workspace)
        assert (shown["made"], shown["kept"]) == (len(files), 0), name
        keys = {file.stem: _key(file) for file in files}
        if name == "prompt_embeddings":
            keys = {str(key["prompt"]): key for key in keys.values()}
        hashes = {entry: object_hash(key) for entry, key in keys.items()}
        assert graph.first.versions[name] == object_hash(hashes), name
        manifest = read_manifest(graph.workspace.manifest(SCENARIO))
        assert shown["dataset_hash"] == manifest.dataset_hash
        assert shown["base_hash"] == graph.first.versions["base_model"]
    latents, embeddings = (graph.first.of(name) for name in ENCODED)
    assert latents["quarantined"] == 1
    (reject,) = latents["rejects"]
    assert (reject["clip"], reject["reason"]) == (TOO_SHORT, "too_short")
    assert (embeddings["quarantined"], embeddings["rejects"]) == (0, [])


@pytest.mark.parametrize("asset", ADAPTERS)
def test_an_adapter_shows_its_epochs_curves_samples_and_hashes(graph: Graph, asset: str) -> None:
    shown, run = graph.first.of(asset), Path(graph.first.of(asset)["run"])
    assert run.name == ADAPTERS[asset]
    lines = [json.loads(line) for line in (run / "validation_metrics.jsonl").open()]
    best = lines[shown["best_epoch"]]
    assert best["combined"] == max(line["combined"] for line in lines[1:]) == shown["combined"]
    for metric in ("held_out_loss", "clip_similarity", "temporal_consistency", "motion_speed"):
        assert shown.get(metric) == best[metric]
    assert shown["base_held_out_loss"] == lines[0]["held_out_loss"]
    assert [row["epoch"] for row in shown["epochs"]] == [line["epoch"] for line in lines]
    losses = [row.get("train_loss") for row in shown["epochs"]]
    assert losses == [None, *(round(line["train_loss"], 4) for line in lines[1:])]
    assert shown["train_loss"] == lines[-1]["train_loss"]
    (pruned,) = lines[2]["pruned"]
    assert shown["epochs"][2]["pruned"] == str(pruned["epoch"])
    settings = read_settings(run / "config.yaml", TrainingSettings)
    assert shown["config_hash"] == object_hash(settings.resolved())
    assert shown["config_difference"]["epochs"] == 2
    clips = read_manifest(graph.workspace.manifest(SCENARIO)).usable()
    assert shown["dataset_hash"] == dataset_hash(c for c in clips if c.id != TOO_SHORT)
    (adapter,) = run.rglob(ADAPTER_FILE)
    assert shown["adapter_sha256"] == sha256_file(adapter)
    assert graph.first.versions[asset] == object_hash([shown["run_hash"], shown["adapter_sha256"]])
    assert (
        shown["run_hash"] == json.loads((adapter.parent / ADAPTER_RECORD).read_text())["run_hash"]
    )
    assert shown["parity"]["max_difference"] <= shown["parity"]["tolerance"]
    assert shown["steps"] == lines[-1]["step"]
    assert shown["seconds"] > 0 and shown["seconds_per_step"] > 0
    assert shown["peak_memory_bytes"] > 1_000_000
    left_out = {WITHOUT_FOOTAGE} if asset == "unified_adapter" else set()
    assert set(shown["left_out"]) == left_out
    (curves,) = pictures(shown["curves"])
    assert is_small_copy(curves, Image.open(run / "curves.png"))
    assert Path(shown["all samples"]) == run / f"sample_epoch_{shown['best_epoch']}"
    moving = pictures(shown["samples"])
    assert len(moving) == len(list(Path(shown["all samples"]).glob("*.mp4"))) > 0
    assert all(picture.n_frames > 1 for picture in moving)


@pytest.mark.parametrize("asset", ADAPTERS)
def test_an_adapter_shows_what_it_was_made_with(graph: Graph, asset: str) -> None:
    shown, base = graph.first.of(asset), graph.first.of("base_model")
    assert (shown["base"], shown["base_revision"]) == (base["name"], base["revision"])
    assert shown["base_hash"] == graph.first.versions["base_model"]
    assert (shown["slora"], shown["training_version"]) == (__version__, TRAINING_VERSION)
    assert shown["software"]["torch"] == version("torch")
    assert sha256_file(Path(shown["adapter"])) == shown["adapter_sha256"]

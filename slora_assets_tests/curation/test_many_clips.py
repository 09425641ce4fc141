"""Clips that are too many for a document stand in Parquet: what is made of them is the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.curation import sorted_clips
from slora_assets.curation.last_look import settings_hash
from slora_assets.curation.manifest import (
    current_manifest,
    manifest_bytes,
    read_manifest,
    write_manifest,
)
from slora_assets.documents import Clip
from slora_assets.governance.lineage.graph import graph_of
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance import clip_tables, read_json
from slora_assets.provenance.clip_tables import clip_schema
from slora_assets.provenance.curated import curated_now, read_metadata
from slora_assets.training.training_data import scenario_data, unified_data
from slora_assets_tests.folder_dataset import HELD_OUT, folder_workspace, write_scenario
from slora_assets_tests.governance.takedown.harbour import examine_here, sort
from slora_assets_tests.workspaces import choose

CLIPS = {
    "a": ["a boat", "the boat again"],
    "b": ["a boat, and Zoë's dog"],
    "c": ["a beach"],
    "d": ["a beach with a boat", "the same beach"],
    "e": ["a lighthouse"],
    f"{HELD_OUT}_a": ["one more boat"],
    f"{HELD_OUT}_b": ["one more beach"],
}
MOST = "clips_in_document"


@pytest.fixture
def seas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    examine_here(monkeypatch)
    workspace = choose(folder_workspace(tmp_path, CLIPS), monkeypatch)
    for name in ("boat", "beach"):
        write_scenario(workspace, name, name)
    return workspace


def limit(workspace: Workspace, most: int) -> None:
    lines = workspace.dataset_file.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(MOST)]
    workspace.dataset_file.write_text("\n".join([*kept, f"{MOST}: {most}", ""]))


def _made(workspace: Workspace) -> dict[str, object]:
    """All that later stages, people and other rooms get of the clips as they are sorted now."""
    sort(workspace)
    names = list(curated_now(workspace).summary.scenarios)
    assert not [*verify(workspace, workspace.root).broken()]
    return {
        "document": read_metadata(workspace.scenario_metadata),
        "report": workspace.curation_report.read_bytes(),
        "manifests": [read_manifest(workspace.manifest(name)) for name in names],
        "inputs that a run keeps": [manifest_bytes(workspace.manifest(name)) for name in names],
        "trained on": [scenario_data(workspace, name) for name in names],
        "trained on together": unified_data(workspace),
        "lineage": graph_of(workspace).nodes,
        "by id": curated_now(workspace).by_id({"a", "c", "nowhere"}, ["boat"]),
    }


def _shards(workspace: Workspace) -> dict[str, bytes]:
    files = sorted((workspace.metadata / "clips").rglob("*.parquet"))
    return {file.relative_to(workspace.metadata).as_posix(): file.read_bytes() for file in files}


def test_clips_in_parquet_are_the_same_clips(
    seas: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_tables, "SHARD_CLIPS", 2)
    monkeypatch.setattr(sorted_clips, "_AT_ONCE", 1)
    in_documents, document = _made(seas), seas.scenario_metadata.read_bytes()
    assert not _shards(seas)
    limit(seas, 5)
    in_shards, shards = _made(seas), _shards(seas)
    assert in_shards == in_documents
    assert [Path(name).parts[:2] for name in shards] == [
        *[("clips", "beach")] * 2,
        *[("clips", "boat")] * 2,
    ]
    for file in (seas.scenario_metadata, seas.manifest("boat")):
        written = read_json(file, remedy="")
        assert isinstance(written, dict) and written["clips"] == []

    limit(seas, 0)
    assert _made(seas) == in_documents and _shards(seas) == shards, "the same bytes again"
    limit(seas, 6)
    assert _made(seas) == in_documents, "and back"
    assert seas.scenario_metadata.read_bytes() == document
    assert not (seas.metadata / "clips").exists()


def test_shards_of_clips_that_are_gone_go(seas: Workspace) -> None:
    limit(seas, 0)
    sort(seas)
    before = _shards(seas)
    (seas.root / "footage" / "a.mp4").unlink()
    (seas.root / "footage" / "a.json").unlink()
    sort(seas)
    after = _shards(seas)
    assert len(after) == len(before) == 2 and set(after) != set(before)
    told = pl.concat([pl.read_parquet(seas.metadata / name) for name in after])
    assert sorted(told["id"]) == ["b", "c", "d", f"{HELD_OUT}_a", f"{HELD_OUT}_b"]


def test_a_shard_that_was_changed_or_lost_is_named(seas: Workspace) -> None:
    limit(seas, 0)
    sort(seas)
    file = next((seas.metadata / "clips" / "boat").iterdir())
    whole = file.read_bytes()
    pl.read_parquet(whole).with_columns(split=pl.lit("train")).write_parquet(file)
    with pytest.raises(IntegrityError, match="not those that the document names"):
        write_manifest(seas, "boat")
    write_manifest(seas, "beach")
    assert [*verify(seas, seas.scenario_metadata).broken()]
    file.unlink()
    with pytest.raises(MissingInputError, match="run `make data preprocess`"):
        curated_now(seas).of_scenario("boat")
    file.write_bytes(whole)
    assert not [*verify(seas, seas.root).broken()]
    assert [clip.id for clip in current_manifest(seas, "boat").clips][:1] == ["a"]


def test_a_clip_is_a_row(seas: Workspace) -> None:
    """Whoever gives clips another field gives them a column."""
    assert set(clip_schema()) == set(Clip.model_fields)
    dataset, scenarios = read_dataset(seas.dataset_file)
    before = settings_hash(dataset, scenarios, seas)
    limit(seas, 10_000)
    assert settings_hash(*read_dataset(seas.dataset_file), seas) == before, "said or not"

"""A leak is seen by whoever would train on it, whatever a check in the graph has said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slora_assets.caches.scenario import ScenarioCache
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.leaks import leak_sentence, leaks_among, refuse_leaks
from slora_assets.curation.manifest import read_manifest
from slora_assets.documents import Split
from slora_assets.provenance.ledger import ledger_heads
from slora_assets.training.training_data import scenario_data, unified_data
from slora_assets_tests.curation.clips import clip
from slora_assets_tests.folder_dataset import folder_workspace


def _edit(file: Path, change: Callable[[list[dict[str, object]]], None]) -> None:
    """Change a scenario's clips in the metadata or in its manifest."""
    document = json.loads(file.read_text())
    mine = [clip for clip in document["clips"] if clip["scenario"] == "market_floor"]
    others = [clip for clip in document["clips"] if clip["scenario"] != "market_floor"]
    change(mine)
    document["clips"] = sorted([*mine, *others], key=lambda clip: str(clip["id"]))
    file.write_text(json.dumps(document))


def _same_bytes_on_both_sides(clips: list[dict[str, object]]) -> None:
    trained = next(clip for clip in clips if clip["split"] == "train")
    held_out = next(clip for clip in clips if clip["split"] == "validation")
    trained["sha256"] = held_out["sha256"]


def _same_source_on_both_sides(clips: list[dict[str, object]]) -> None:
    trained = next(clip for clip in clips if clip["split"] == "train")
    held_out = next(clip for clip in clips if clip["split"] == "validation")
    trained["source_group"] = held_out["source_group"]


def _official_test_in_train(clips: list[dict[str, object]]) -> None:
    next(clip for clip in clips if clip["split"] == "train")["official_split"] = "test"


@pytest.mark.parametrize(
    "leak", [_same_bytes_on_both_sides, _same_source_on_both_sides, _official_test_in_train]
)
def test_training_refuses_a_manifest_that_leaks(
    workspace: Workspace, leak: Callable[[list[dict[str, object]]], None]
) -> None:
    file = workspace.manifest("market_floor")
    assert not leaks_among(read_manifest(file).clips)
    scenario_data(workspace, "market_floor")
    for document in (file, workspace.scenario_metadata):
        _edit(document, leak)
    # What was made before there was a ledger is not trusted either.
    for part in (workspace.ledger, *ledger_heads(workspace).files):
        part.unlink()
    for plan in (lambda: scenario_data(workspace, "market_floor"), lambda: unified_data(workspace)):
        with pytest.raises(CurationError, match=r"two sides of the split|would be trained on"):
            plan()


def test_a_manifest_that_is_older_than_the_metadata_is_refused(workspace: Workspace) -> None:
    """By caching and by training: `make data` alone must not leave them with yesterday's clips."""
    cache = ScenarioCache("latents", workspace, "market_floor")
    assert cache.standing() is not None
    _edit(workspace.scenario_metadata, lambda clips: clips.pop(0))
    for stage in (
        cache.standing,
        lambda: scenario_data(workspace, "market_floor"),
        lambda: unified_data(workspace),
    ):
        with pytest.raises(CurationError, match="older than the metadata"):
            stage()


def test_a_file_under_several_names_is_told_with_its_clips_its_places_and_what_to_do() -> None:
    """On the command line, in the report and by training."""
    alike: list[tuple[str, Split]] = [("a", "train"), ("b", "train"), ("c", "validation")]
    clips = [clip(name, ["a harbour"], split) for name, split in alike]
    clips.append(clip("d", ["a harbour"], "validation").model_copy(update={"sha256": "1" * 64}))
    sentence = leak_sentence("harbour", leaks_among(clips))
    assert "3 clips of harbour stand on two sides of the split" in sentence
    assert "a, b (train), c (validation) are one file" in sentence
    assert "(footage/a.mp4, footage/b.mp4, footage/c.mp4)" in sentence
    assert "Remedy: " in sentence
    assert "remove files that stand under two names" in sentence
    with pytest.raises(CurationError) as caught:
        refuse_leaks(clips, Path("manifests"), "harbour")
    assert "footage/a.mp4, footage/b.mp4, footage/c.mp4" in str(caught.value)


def test_curation_tells_of_a_file_under_several_names_at_once(tmp_path: Path) -> None:
    environment = folder_workspace(tmp_path, {f"d{number}": ["a dog"] for number in range(4)})
    for number in range(1, 4):
        shutil.copy(tmp_path / "footage/d0.mp4", tmp_path / f"footage/d{number}.mp4")
    shutil.copy(tmp_path / "footage/d0.mp4", tmp_path / "footage/held_out.mp4")
    (tmp_path / "footage/held_out.json").write_text(
        json.dumps({"captions": ["a dog"], "split": "validate"})
    )
    scenario = tmp_path / "configs/data/seas/animal.yaml"
    scenario.parent.mkdir()
    scenario.write_text("description: an animal\nkeywords: [dog]\nmin_train_clips: 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "slora_assets.cli", "curate"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    said = "d0, d1, d2, d3 (train), held_out (validation) are one file (footage/d0.mp4"
    assert said in done.stdout
    assert said in Path(done.stdout.splitlines()[-1]).read_text()


@pytest.mark.parametrize(
    ("official", "split", "leaks"),
    [
        *[(word, "train", True) for word in ("test", "Test", "testing", "val", "dev", "held out")],
        *[(word, "validation", True) for word in ("test", "TEST", "nonsense")],
        *[(word, "validation", False) for word in ("validate", "Validation", "train", None)],
        ("train", "train", False),
        ("Test", "test", False),
    ],
)
def test_a_held_out_part_is_known_by_any_of_its_names(
    official: str | None, split: Split, leaks: bool
) -> None:
    one = clip("a", ["a market"], split).model_copy(update={"official_split": official})
    assert bool(leaks_among([one])) is leaks


def test_spellings_of_one_address_are_one_source() -> None:
    trained = clip("a", ["x"], "train", source="https://youtu.be/aaaaaaaaaaa")
    held_out = clip("b", ["x"], source="http://www.youtube.com/watch?v=aaaaaaaaaaa&t=3")
    other = held_out.model_copy(update={"sha256": "1" * 64})
    assert leaks_among([trained, other]).on_two_sides

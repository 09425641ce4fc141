"""What `slora scenario` shows of the footage is what curation then finds, and looking leaves no
trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.outlook import Outlook, look_ahead, outlook_lines
from slora_assets_tests.folder_dataset import (
    HELD_OUT,
    add_clip,
    curated,
    folder_workspace,
    write_scenario,
)
from slora_assets_tests.workspaces import choose

CLIPS = {
    "a": ["a boat enters the harbour"],
    "b": ["a ship at the quay"],
    "c": ["bathers at the beach", "a boat in the sun"],
    "d": ["a quiet room"],
    "e": ["boats", "boats", "a beach"],
    f"{HELD_OUT}_f": ["a boat leaves"],
    "gone": ["a boat sinks"],
}


@pytest.fixture
def seas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two scenarios on seven clips, of which one has lost its file and one holds no video."""
    workspace = choose(folder_workspace(tmp_path, CLIPS), monkeypatch)
    (tmp_path / "footage/gone.mp4").unlink()
    (tmp_path / "footage/b.mp4").write_bytes(b"no video")
    write_scenario(workspace, "harbour", "harbour", "boat", "quay")
    write_scenario(workspace, "beach", "beach", more="priority: 1\n")
    return workspace


def _look(workspace: Workspace, name: str) -> Outlook:
    dataset, scenarios = read_dataset(workspace.dataset_file)
    return look_ahead(name, dataset, scenarios, workspace)


def _files(root: Path) -> dict[Path, tuple[int, bytes]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("name", ["harbour", "beach"])
def test_it_says_what_curation_then_finds(seas: Workspace, name: str) -> None:
    seas_dataset = seas.dataset_file
    text = seas_dataset.read_text() + "max_reject_share: 0.5\n"
    seas_dataset.write_text(text)
    found = curated(seas).scenarios[name]
    assert found.any_caption > 0
    assert _look(seas, name).entry == found


def test_looking_writes_nothing_before_and_after_an_inventory(seas: Workspace) -> None:
    before = _files(seas.root)
    _look(seas, "harbour")
    assert _files(seas.root) == before
    with pytest.raises(CurationError):  # of six files one can't be used: 17 % is more than 0
        seas.dataset_file.write_text(seas.dataset_file.read_text() + "max_reject_share: 0.0\n")
        curated(seas)
    before = _files(seas.root)
    _look(seas, "harbour")
    assert _files(seas.root) == before


def test_a_file_nobody_has_looked_at_counts_as_usable_and_is_told(seas: Workspace) -> None:
    look = _look(seas, "harbour")
    assert (look.entry.train, look.entry.unusable, look.footage.unseen) == (2, 0, 6)
    assert any("6 of 6 files nobody has looked at" in line for line in outlook_lines(look))
    curated(seas)
    assert _look(seas, "harbour").entry.unusable == 1
    assert not any("nobody has looked" in line for line in outlook_lines(_look(seas, "harbour")))
    add_clip(seas.root, "late", ["a boat by night"], 9)
    look = _look(seas, "harbour")
    assert (look.entry.train, look.footage.unseen) == (2, 1)


def test_it_says_who_loses_clips_and_who_keeps_some(seas: Workspace) -> None:
    curated(seas)
    beach, harbour = _look(seas, "beach"), _look(seas, "harbour")
    assert (beach.takes, harbour.yields) == ({"harbour": 2}, {"beach": 2})
    assert beach.losers["harbour"] == harbour.entry
    assert any(line.startswith("takes 2 clips from harbour") for line in outlook_lines(beach))
    assert any(line.startswith("yields 2 clips to beach") for line in outlook_lines(harbour))
    write_scenario(seas, "beach", "beach")  # without priority the more captions decide
    assert _look(seas, "harbour").takes == {"beach": 1}


def test_five_captions_that_match_are_shown(seas: Workspace) -> None:
    said = outlook_lines(_look(seas, "harbour"))
    shown = {line.strip().strip('"') for line in said if line.startswith('  "')}
    assert shown <= {caption for captions in CLIPS.values() for caption in captions}
    assert len(shown) == 5 and "a quiet room" not in shown


def test_too_few_clips_come_with_what_would_help(seas: Workspace) -> None:
    curated(seas)
    write_scenario(seas, "quiet", "silence")
    assert any("no caption has" in line for line in outlook_lines(_look(seas, "quiet")))
    write_scenario(seas, "harbour", "harbour", "boat", "quay", more="min_matching_share: 1.0\n")
    path = seas.configs / "data/seas/harbour.yaml"
    path.write_text(path.read_text().replace("min_train_clips: 1", "min_train_clips: 9"))
    said = "\n".join(outlook_lines(_look(seas, "harbour")))
    assert "harbour is too few" in said
    assert "1 clip whose captions match have no file" in said
    assert "2 clips with a keyword, but in fewer captions" in said


def test_without_written_prompts_those_of_the_held_out_clips_are_asked(seas: Workspace) -> None:
    curated(seas)
    look = _look(seas, "harbour")
    assert (look.asked.prompts, look.asked.written, look.asked.needed) == (1, False, 32)
    said = "\n".join(outlook_lines(look))
    assert "the 1 prompts of its validation clips" in said and "fewer than 32" in said
    prompts = seas.validation_prompts.read_text()
    seas.validation_prompts.write_text(
        prompts.replace("scenarios:\n", "scenarios:\n  harbour: {prompts: [a boat, a ship]}\n")
    )
    assert (_look(seas, "harbour").asked.prompts, _look(seas, "harbour").asked.written) == (2, True)


def test_without_a_folder_of_footage_all_that_matches_is_missing(seas: Workspace) -> None:
    dataset = seas.dataset_file.read_text().replace("footage: footage\nscen", "footage: no\nscen")
    seas.dataset_file.write_text(dataset)
    look = _look(seas, "harbour")
    assert look.entry.missing == look.entry.matched > 0
    assert any("no footage yet" in line for line in outlook_lines(look))

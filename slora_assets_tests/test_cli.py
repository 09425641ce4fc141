"""`slora scenario`, `prompts` and `preferences`: what a person types, sees, and finds on the disk
afterwards."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slora_assets.cli import main
from slora_assets.config.data import read_dataset
from slora_assets.config.scenario_files import ScenarioFiles
from slora_assets.config.workspace import Workspace
from slora_assets.curation.new_scenario import draft, write
from slora_assets.documents import Comparison
from slora_assets.validation.preferences.choices import keep_choice
from slora_assets.validation.preferences.samples import sample_pairs
from slora_assets_tests.folder_dataset import HELD_OUT, folder_workspace, write_scenario
from slora_assets_tests.judged_runs import judged_workspace
from slora_assets_tests.workspaces import choose, contents

CLIPS = {
    "a": ["a boat enters the harbour"],
    "b": ["a ship at the quay"],
    f"{HELD_OUT}_c": ["a boat"],
    "d": ["a beach", "a boat at the beach"],
}
ADD = ["scenario", "add", "harbour", "--keywords", "harbour, boat,ship", "--description", "by sea"]


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


Slora = Callable[..., Said]


@pytest.fixture
def seas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A dataset without any scenario."""
    return choose(folder_workspace(tmp_path, CLIPS), monkeypatch)


@pytest.fixture
def slora(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Slora:
    """The command, in this process."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["slora", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


def test_add_writes_one_small_file_that_says_what_was_asked(seas: Workspace, slora: Slora) -> None:
    before = contents(seas.root)
    more = ["--min-train", "2", "--min-captions", "1", "--template", "{caption} {description}"]
    done = slora(*ADD, *more, "--exclude", "toy boat")
    after = contents(seas.root)
    (file,) = after.keys() - before.keys()
    assert {path: after[path] for path in before} == before
    assert file == seas.configs / "data/seas/harbour.yaml"
    assert file.read_text().split("\n", 1)[1] == (
        "description: by sea\n"
        "keywords: [harbour, boat, ship]\n"
        "exclude: [toy boat]\n"
        'prompt_templates: ["{caption} {description}"]\n'
        "min_matching_captions: 1\n"
        "min_train_clips: 2\n"
    )
    assert done.status == 0
    assert str(file) in done.out and file.read_text() in done.out
    assert "harbour: 4 clips with any matching caption, 4 with enough; 3 train, 1 val" in done.out
    assert '"a ship at the quay"' in done.out
    assert "harbour is ready" in done.out
    assert "its adapter is asked with the 1 prompts of its validation clips" in done.out
    assert "presets.harbour" in done.out
    assert "reloaded" in done.out and "--partition harbour" in done.out


def test_a_dry_run_shows_the_same_and_writes_nothing(seas: Workspace, slora: Slora) -> None:
    before = contents(seas.root)
    dry = slora(*ADD, "--dry-run")
    assert (dry.status, contents(seas.root)) == (0, before)
    assert "not written" in dry.out and "--partition" not in dry.out
    wet = slora(*ADD)
    assert set(dry.out.splitlines()[1:]) < set(wet.out.splitlines())


def test_it_stands_in_the_dataset_s_order_after_the_shared_ones(
    seas: Workspace, slora: Slora
) -> None:
    shared = seas.configs / "data/seas.yaml"
    shared.write_text(
        "schema_version: 1\nscenarios:\n  street: {description: s, keywords: [street]}\n"
    )
    text = shared.read_text()
    assert slora(*ADD).status == 0
    assert list(read_dataset(seas.dataset_file)[1].scenarios) == ["street", "harbour"]
    assert shared.read_text() == text


def test_others_that_lose_clips_are_named(seas: Workspace, slora: Slora) -> None:
    write_scenario(seas, "beach", "beach")
    done = slora(*ADD, "--min-captions", "1", "--priority", "1")
    assert re.search(
        r"^takes 1 clip from beach, which keeps 0 train.*too few: 0 train", done.out, re.M
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["beach", "--keywords", "sand"], "the scenario beach is there already"),
        (["pier", "--keywords", "pier, Beach"], "keyword 'Beach' belongs to beach"),
        (["Pier", "--keywords", "pier"], "no name for a scenario; found 'Pier'"),
        (["pier", "--keywords", " ,"], "key 'keywords'"),
        (["pier", "--keywords", "p", "--min-train", "0"], "key 'min_train_clips'"),
        (["pier", "--keywords", "p", "--template", "{x}"], "unknown placeholders ['x']"),
        (["pier", "--keywords", "${NO_SUCH}"], "NO_SUCH is not set"),
    ],
)
def test_what_can_t_be_added_is_one_line_and_leaves_no_file(
    seas: Workspace, slora: Slora, arguments: list[str], told: str
) -> None:
    write_scenario(seas, "beach", "beach")
    before = contents(seas.root)
    done = slora("scenario", "add", *arguments, "--description", "d")
    assert (done.status, done.out, contents(seas.root)) == (1, "", before)
    (line,) = done.err.splitlines()
    assert line.startswith("error: ") and told in line and "Remedy" in line


def test_without_footage_the_file_is_written_and_the_reason_told(
    seas: Workspace, slora: Slora
) -> None:
    seas.dataset_file.write_text(seas.dataset_file.read_text().replace("[footage]", "[nowhere]"))
    done = slora(*ADD)
    assert done.status == 0
    assert (seas.configs / "data/seas/harbour.yaml").is_file()
    assert "can't be seen" in done.out and "nowhere" in done.out


def test_list_says_how_each_stands(seas: Workspace, slora: Slora) -> None:
    write_scenario(seas, "harbour", "boat", "ship")
    write_scenario(seas, "lighthouse", "lighthouse")
    assert slora("scenario", "list").out.count("not sorted yet") == 2
    slora("curate")
    write_scenario(seas, "beach", "beach")
    assert slora("scenario", "retire", "lighthouse", "--reason", "dark").status == 0
    lines = slora("scenario", "list").out.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["beach", "harbour", "lighthouse"]
    assert "not sorted yet: run `make data`" in lines[0]
    assert "ready; 4 clips" in lines[1] and "harbour.yaml" in lines[1]
    assert lines[2].endswith("it is retired: dark")


def test_show_says_what_it_is_and_what_the_footage_gives(seas: Workspace, slora: Slora) -> None:
    write_scenario(seas, "harbour", "boat", "ship")
    before = contents(seas.root)
    done = slora("scenario", "show", "harbour")
    assert "keywords: [boat, ship]" in done.out
    assert "harbour: 4 clips with any matching caption" in done.out
    assert contents(seas.root) == before
    assert "one of ['harbour']" in slora("scenario", "show", "harbor").err


def test_retire_says_what_is_served_still(seas: Workspace, slora: Slora) -> None:
    write_scenario(seas, "stage", "boat")
    done = slora("scenario", "retire", "stage", "--reason", "curtain")
    assert "retired in" in done.out and "nothing of it is served" in done.out
    text = seas.presets.read_text()
    sha = "5" * 64
    assert "stage:" in text
    seas.presets.write_text(_promoted(text, sha))
    again = slora("scenario", "retire", "stage", "--reason", "curtain")
    assert "was retired already" in again.out
    assert f"{sha} is served until `slora demote stage`" in again.out
    assert "stage: it is retired: curtain" in slora("curate").out


def _promoted(presets: str, sha256: str) -> str:
    from slora_assets.deployment.presets import edited_text
    from slora_assets.documents import registered_path

    values = {"adapter": registered_path(sha256), "sha256": sha256, "verdict": "pass"}
    return edited_text(presets, "stage", values)


@pytest.fixture
def sorted_seas(seas: Workspace, slora: Slora) -> Workspace:
    """A harbour with a clip held out, sorted."""
    write_scenario(seas, "harbour", "boat", "ship")
    assert slora("curate").status == 0
    return seas


def test_prompts_are_written_once_shown_and_kept_from_being_lost(
    sorted_seas: Workspace, slora: Slora
) -> None:
    before, file = contents(sorted_seas.root), sorted_seas.validation_prompts
    dry = slora("prompts", "write", "harbour", "--dry-run")
    assert (dry.status, contents(sorted_seas.root)) == (0, before)
    done = slora("prompts", "write", "harbour")
    after = contents(sorted_seas.root)
    assert {path for path in after if after[path] != before.get(path)} == {file}
    entry = f"    prompts:\n      - {{text: a boat, subject: {HELD_OUT}_c}}\n"
    assert entry in file.read_text()
    assert dry.out == done.out.replace(f"{file}:", f"{file} (not written):")
    assert "1 prompt out of captions of 1 held-out clip, of 1 source; a pass needs 32" in done.out
    assert "31 are missing" in done.out and "hold out more clips" in done.out
    assert slora("prompts", "write", "harbour").status == 0
    assert contents(sorted_seas.root) == after

    file.write_text(file.read_text().replace("text: a boat,", "text: a boat at dawn,"))
    edited = contents(sorted_seas.root)
    refused = slora("prompts", "write", "harbour")
    assert refused.status == 1 and "by a person" in refused.err and "--replace" in refused.err
    assert contents(sorted_seas.root) == edited
    shown = slora("prompts", "show", "harbour").out
    assert f"  harbour_00  a boat at dawn  (subject {HELD_OUT}_c)" in shown.splitlines()
    assert "1 prompt, 1 of them distinct, 1 subject, no motions, no templates; a pass" in shown
    assert slora("prompts", "write", "harbour", "--replace").status == 0
    assert contents(sorted_seas.root) == after


def test_prompts_that_nobody_wrote_are_shown_too(sorted_seas: Workspace, slora: Slora) -> None:
    before = contents(sorted_seas.root)
    shown = slora("prompts", "show", "harbour").out
    assert "prompts of its validation clips" in shown and "harbour_00  a boat" in shown
    assert "31 prompts are missing for a pass, which needs 32" in shown
    assert contents(sorted_seas.root) == before


def test_prompts_of_what_isn_t_sorted_or_known_are_refused(seas: Workspace, slora: Slora) -> None:
    write_scenario(seas, "harbour", "boat")
    assert "make data" in slora("prompts", "write", "harbour").err
    assert "make data" in slora("prompts", "show", "harbour").err
    assert slora("curate").status == 0
    write_scenario(seas, "beach", "beach")
    assert "before there was a scenario beach" in slora("prompts", "write", "beach").err
    assert slora("curate").status == 0
    assert "no prompt" in slora("prompts", "write", "beach").err
    assert "one of" in slora("prompts", "write", "pier").err
    assert slora("scenario", "retire", "beach", "--reason", "tide").status == 0
    assert "retired: tide" in slora("prompts", "write", "beach").err


WORDS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1).filter(
    lambda text: "${" not in text
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(words=st.lists(WORDS, min_size=1, max_size=5, unique_by=str.lower), description=WORDS)
def test_what_is_written_reads_back_as_it_was_said(
    tmp_path: Path, words: list[str], description: str
) -> None:
    files = ScenarioFiles.named(tmp_path / "seas")
    for old in files.folder.glob("*"):
        old.unlink()
    new = draft(files, "harbour", {"description": description, "keywords": words})
    write(new)
    from slora_assets.config.data import read_scenarios

    assert read_scenarios(files) == new.scenarios


def test_preferences_are_printed_and_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slora: Slora
) -> None:
    workspace = judged_workspace(tmp_path, {"harbour": ["a boat", "a ship"]})
    monkeypatch.setenv("SLORA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("SLORA_CONFIGS", str(workspace.configs))
    monkeypatch.setenv("SLORA_DATASET", str(workspace.dataset_file))
    assert "Nobody has chosen" in slora("preferences").out
    (pair, _) = sample_pairs(workspace, "harbour")
    choice = Comparison(
        person="Ada",
        run="harbour",
        prompt_id=pair.prompt_id,
        seed=pair.seed,
        pressed="left",
        left="adapter",
        adapter_sha256=pair.adapter_sha256,
        validation_hash=pair.validation_hash,
    )
    keep_choice(workspace.comparisons("harbour"), choice)
    done = slora("preferences", "--run", "harbour")
    assert (done.status, done.err) == (0, "")
    assert "| harbour | 1 | 1 | 1 | 0 | 0 | 1 | pass |" in done.out
    assert "| harbour | likeness | 1 | 1 |" in done.out
    assert "one of ['harbour']" in slora("preferences", "--run", "moon").err

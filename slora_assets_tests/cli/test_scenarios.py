"""`slora scenario`: what a person types, sees, and finds on the disk afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slora_assets.config.data import ScenarioSettings, read_dataset
from slora_assets.config.scenario_files import ScenarioFiles
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.new_scenario import draft, write
from slora_assets_tests.cli.conftest import Slora
from slora_assets_tests.folder_dataset import write_scenario
from slora_assets_tests.workspaces import contents

ADD = ["scenario", "add", "harbour", "--keywords", "harbour, boat,ship", "--description", "by sea"]


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


def test_every_key_of_a_scenario_can_be_given(seas: Workspace, slora: Slora) -> None:
    lists = ["--weak-keywords", "pier, low tide", "--exclude", "toy", "--categories", "9, Boats"]
    shares = ["--min-captions", "4", "--min-share", "0.25", "--prompts-per-clip", "2"]
    counts = ["--min-train", "5", "--min-validation", "3", "--priority", "-1"]
    assert slora(*ADD, *lists, *shares, *counts, "--template", "{description}").status == 0
    written = read_settings(seas.configs / "data/seas/harbour.yaml", ScenarioSettings)
    assert (written.weak_keywords, written.categories) == (["pier", "low tide"], ["9", "Boats"])
    assert (written.min_matching_share, written.prompts_per_clip) == (0.25, 2)
    said = set(written.model_dump(exclude_defaults=True))
    assert said == set(ScenarioSettings.model_fields) - {"retired", "retired_because"}


def test_what_is_given_decides_what_the_footage_gives(seas: Workspace, slora: Slora) -> None:
    one = ("--min-captions", "1", "--dry-run")
    assert "harbour: 4 clips with any" in slora(*ADD, *one).out
    assert "harbour: 5 clips with any" in slora(*ADD, *one, "--weak-keywords", "room").out
    assert "harbour: 0 clips with any" in slora(*ADD, *one, "--categories", "sports").out
    shares = slora(*ADD, *one, "--min-share", "0.6").out
    assert "4 clips with any matching caption, 3 with enough" in shares


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
        (["pier", "--keywords", "p", "--min-share", "1.1"], "key 'min_matching_share'"),
        (["pier", "--keywords", "p", "--prompts-per-clip", "0"], "key 'prompts_per_clip'"),
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


WORDS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1).filter(
    lambda text: text.strip() and "${" not in text
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

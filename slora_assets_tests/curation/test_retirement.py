"""A retired scenario takes nothing from others, says so, and is not trained again."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.data import read_dataset, scenario_files
from slora_assets.config.errors import ConfigError, CurationError
from slora_assets.config.scenario_files import ScenarioFiles
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import current_manifest, read_manifest, write_manifest
from slora_assets.curation.retirement import refuse_retired, retire
from slora_assets.documents import RunRecord
from slora_assets.training.training_data import unified_data
from slora_assets.validation.question import clips_of
from slora_assets_tests.folder_dataset import HELD_OUT, curated, folder_workspace, write_scenario
from slora_assets_tests.workspaces import choose

CLIPS = {
    "a": ["a boat at the beach"],
    "b": ["a boat"],
    f"{HELD_OUT}_c": ["a beach"],
    f"{HELD_OUT}_d": ["a boat"],
}
SHARED = """\
# Two of them.
schema_version: 1
scenarios:
  # By the sea.
  beach:
      description: a beach   # with sand
      keywords: [beach]
  harbour: {description: a harbour, keywords: [boat]}
"""


@pytest.fixture
def seas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = choose(folder_workspace(tmp_path, CLIPS), monkeypatch)
    write_scenario(workspace, "harbour", "boat")
    write_scenario(workspace, "beach", "beach", more="priority: 1\n")
    return workspace


def _files(workspace: Workspace) -> ScenarioFiles:
    return scenario_files(workspace.dataset_file, read_dataset(workspace.dataset_file)[0])


def test_its_clips_go_to_others_and_its_manifest_says_that_it_is_retired(seas: Workspace) -> None:
    before = curated(seas)
    assert [clip.id for clip in before.of_scenario("harbour")] == ["b", f"{HELD_OUT}_d"]
    retire(_files(seas), "beach", "winter")
    after = curated(seas)
    assert [clip.id for clip in after.of_scenario("harbour")] == ["a", "b", f"{HELD_OUT}_d"]
    assert after.of_scenario("beach") == []
    write_manifest(seas, "beach")
    entry = read_manifest(seas.manifest("beach")).entry
    assert (entry.retired, entry.shortfall) == (True, "it is retired: winter")
    assert "| beach | 0 | 0 | 0 | 0 | 0 | 0 | 0 | it is retired: winter |" in (
        seas.curation_report.read_text()
    )


def test_it_is_refused_with_a_sentence_and_the_unified_run_leaves_it_out(seas: Workspace) -> None:
    curated(seas)
    write_manifest(seas, "beach")
    write_manifest(seas, "harbour")
    refuse_retired(seas, "beach")  # it isn't yet
    assert current_manifest(seas, "beach").clips
    retire(_files(seas), "beach", "winter")
    with pytest.raises(
        CurationError, match=r"beach\.yaml.*no training: it is retired: winter.*'re"
    ):
        refuse_retired(seas, "beach")  # although its manifest is the old one
    curated(seas)
    write_manifest(seas, "beach")
    write_manifest(seas, "harbour")
    with pytest.raises(CurationError, match="no training: it is retired: winter"):
        current_manifest(seas, "beach")
    data = unified_data(seas)
    assert (data.scenarios, data.left_out) == (("harbour",), {"beach": "it is retired: winter"})


def test_its_adapter_is_not_judged_on_clips_that_are_others_now(seas: Workspace) -> None:
    retire(_files(seas), "beach", "winter")
    curated(seas)
    for name in ("beach", "harbour"):
        write_manifest(seas, name)
    with pytest.raises(CurationError, match="it is retired: winter"):
        clips_of(seas, RunRecord.model_construct(scenarios=["beach"]))
    both = clips_of(seas, RunRecord.model_construct(scenarios=["beach", "harbour"]))
    assert {clip.scenario for clip in both} == {"harbour"}


def test_documents_of_active_scenarios_have_the_bytes_that_they_had(seas: Workspace) -> None:
    curated(seas)
    write_manifest(seas, "beach")
    for file in (seas.scenario_metadata, seas.manifest("beach")):
        assert "retired" not in file.read_text()


def test_of_a_retired_scenario_alone_nothing_is_sorted(seas: Workspace) -> None:
    for name in ("beach", "harbour"):
        retire(_files(seas), name, "winter")
    assert curated(seas).reject_counts == {"no_keyword": len(CLIPS)}


def test_retiring_changes_no_other_line(seas: Workspace) -> None:
    path = seas.configs / "data/seas/beach.yaml"
    text = "# By the sea.\n\n" + path.read_text() + "# The end\n"
    path.write_text(text)
    assert retire(_files(seas), "beach", 'no "sun": it\'s ☂') == path
    added = 'retired: true\nretired_because: "no \\"sun\\": it\'s ☂"\n'
    assert path.read_text() == text.replace("description", added + "description", 1)
    settings = read_dataset(seas.dataset_file)[1].scenarios["beach"]
    assert settings.why_retired == 'it is retired: no "sun": it\'s ☂'
    assert retire(_files(seas), "beach", "again") is None
    path.write_text(text.replace("priority: 1", "retired: false\npriority: 1"))
    retire(_files(seas), "beach", "winter")
    assert path.read_text().count("retired: true") == 1 and "false" not in path.read_text()


def test_in_a_shared_file_the_others_stay_as_they_are(seas: Workspace) -> None:
    for name in ("beach", "harbour"):
        (seas.configs / f"data/seas/{name}.yaml").unlink()
    shared = seas.configs / "data/seas.yaml"
    shared.write_text(SHARED)
    assert retire(_files(seas), "beach", "winter") == shared
    added = '      retired: true\n      retired_because: "winter"\n'
    assert shared.read_text() == SHARED.replace("      desc", added + "      desc", 1)
    text = shared.read_text()
    with pytest.raises(ConfigError, match=r"seas\.yaml, line 10: .*by hand"):
        retire(_files(seas), "harbour", "winter")
    assert shared.read_text() == text


def test_an_unknown_scenario_is_told_the_known_ones(seas: Workspace) -> None:
    with pytest.raises(ConfigError, match=r"found 'bech'.*\['beach', 'harbour'\]"):
        retire(_files(seas), "bech", "winter")

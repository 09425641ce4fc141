"""A preset is promoted for as much as the strictest of what its adapter was made from allows."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from slora_assets.cli.commands import app
from slora_assets.config.errors import GateError, IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import read_changes
from slora_assets.deployment.permission import most_use, parents_of, preset_use
from slora_assets.deployment.presets import read_presets, write_preset
from slora_assets.deployment.promotion import demote, promote
from slora_assets.deployment.strengths import checked_promotion
from slora_assets.documents import RUN_RECORD, DatasetEntry, ScenarioMetadata, ScenarioPreset
from slora_assets.provenance import read_json, write_json
from slora_assets.provenance.ledger import put_on_record
from slora_assets_tests.curation.clips import clip
from slora_assets_tests.deployment.conftest import FinishRun
from slora_assets_tests.earned import earn
from slora_assets_tests.made_runs import BASE
from slora_assets_tests.on_record import put_run_on_record

SCENARIO = "market_floor"


def _trained_on(workspace: Workspace, *clips: tuple[str, str | None], **about: Any) -> None:
    """Rewrite the run's record: clips by id, with licences of their own or none."""
    file = workspace.scenario_run(SCENARIO) / RUN_RECORD
    record = read_json(file, remedy="")
    assert isinstance(record, dict)
    told = [
        {"id": id_, "sha256": "a" * 64, "scenario": SCENARIO, "split": "train"}
        | ({"licence": licence} if licence else {})
        for id_, licence in clips
    ]
    write_json(file, record | {"clips": told} | about)
    put_run_on_record(workspace, SCENARIO)
    earn(workspace, SCENARIO, "pass")


def _preset(workspace: Workspace) -> ScenarioPreset:
    return read_presets(workspace.presets).presets[SCENARIO]


def _base(licence: str) -> dict[str, Any]:
    return {**BASE, "licence": licence}


def test_without_a_wish_it_is_the_most_that_licences_allow(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None), ("b", None), licence="CC-BY-NC-4.0")
    done = promote(workspace, SCENARIO, "Zoë", "for the tests")
    assert done.use == "non-commercial"
    assert _preset(workspace).use == "non-commercial"
    assert read_changes(workspace.changelog)[-1].use == "non-commercial"
    assert checked_promotion(workspace, SCENARIO, _preset(workspace)) is not None


@pytest.mark.parametrize("wanted", ["research", "non-commercial", "commercial"])
def test_free_parents_allow_each_use(
    workspace: Workspace, finish_run: FinishRun, wanted: Any
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None))
    assert promote(workspace, SCENARIO, "Zoë", "why", use=wanted).use == wanted


def test_one_clip_of_another_licence_blocks_with_its_name_licence_and_clause(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    others = [(f"clip{number}", "CC-BY-NC-SA-4.0") for number in range(5)]
    _trained_on(workspace, ("a", None), *others)
    before = workspace.presets.read_bytes()
    with pytest.raises(GateError) as refused:
        promote(workspace, SCENARIO, "Zoë", "why", use="commercial")
    told = str(refused.value)
    assert "5 clips, clips of sample (clip0, clip1, clip2 and 2 more)" in told
    assert "CC-BY-NC-SA-4.0: NonCommercial: it forbids" in told
    assert "promote it for non-commercial" in told
    assert workspace.presets.read_bytes() == before
    assert read_changes(workspace.changelog) == []
    assert not workspace.registry.exists()


@pytest.mark.parametrize(
    ("about", "named"),
    [
        ({"licence": "found on the net"}, "footage of sample"),
        ({"licence": ""}, "no licence"),
        ({"base": _base("CogVideoX licence")}, "base tiny, LicenseRef-CogVideoX"),
        ({"base": _base("not stated")}, "base tiny, not stated"),
    ],
)
def test_what_nobody_looked_at_allows_research_alone(
    workspace: Workspace, finish_run: FinishRun, about: dict[str, Any], named: str
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None), licence=about.get("licence", "MIT"))
    folder = workspace.scenario_run(SCENARIO)
    if "base" in about:
        file = folder / RUN_RECORD
        record = read_json(file, remedy="")
        assert isinstance(record, dict)
        write_json(file, record | about)
    parents = parents_of(workspace, folder)
    assert most_use(parents) == "research"
    assert named in parents[0].told


def test_a_preset_that_was_edited_to_promise_more_is_refused(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None), licence="CC-BY-NC-4.0")
    promote(workspace, SCENARIO, "Zoë", "why")
    write_preset(workspace.presets, SCENARIO, {"use": "commercial"})
    with pytest.raises(GateError, match="promises another use"):
        checked_promotion(workspace, SCENARIO, _preset(workspace))


def test_what_turns_out_later_narrows_what_is_shown(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None))
    promote(workspace, SCENARIO, "Zoë", "why")
    assert preset_use(workspace, SCENARIO, _preset(workspace)) == "commercial"
    file = workspace.registry / str(_preset(workspace).sha256) / RUN_RECORD
    record = read_json(file, remedy="")
    assert isinstance(record, dict)
    write_json(file, record | {"licence": "CC-BY-NC-4.0"})
    assert preset_use(workspace, SCENARIO, _preset(workspace)) == "non-commercial"


def _curated(workspace: Workspace, licence: str, **own: str) -> None:
    """Metadata of today: the dataset's licence, and clips by id with theirs."""
    clips = [
        clip(name, ["a boat"]).model_copy(update={"sha256": "a" * 64, "licence": licence_ or None})
        for name, licence_ in own.items()
    ]
    metadata = ScenarioMetadata(
        dataset=DatasetEntry(name="sample", licence=licence, use="any", annotations={}),
        config_hash="",
        dataset_hash="",
        scenarios={},
        clips=clips,
        reject_counts={},
        rejects=[],
    )
    write_json(workspace.scenario_metadata, metadata.model_dump(mode="json"))
    put_on_record(workspace, "metadata", workspace.scenario_metadata)


def test_a_licence_that_was_corrected_since_holds_without_training_again(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None), ("b", None), licence="found on the net")
    with pytest.raises(GateError):
        promote(workspace, SCENARIO, "Zoë", "why", use="commercial")
    _curated(workspace, "CC-BY-4.0", a="", b="CC-BY-NC-4.0")
    assert promote(workspace, SCENARIO, "Zoë", "why").use == "non-commercial"
    _curated(workspace, "CC-BY-4.0", a="")  # b is curated no longer: what was recorded of it counts
    assert most_use(parents_of(workspace, workspace.scenario_run(SCENARIO))) == "research"
    assert preset_use(workspace, SCENARIO, _preset(workspace)) == "research"


def test_metadata_that_somebody_edited_let_nothing_through(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None))
    _curated(workspace, "CC-BY-NC-4.0", a="")
    file = workspace.scenario_metadata
    file.write_text(file.read_text().replace("CC-BY-NC-4.0", "CC-BY-4.0"))
    with pytest.raises(IntegrityError, match="not what its stage left"):
        promote(workspace, SCENARIO, "Zoë", "why", use="commercial")


def test_other_bytes_under_the_name_of_a_clip_say_nothing_of_it(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None), licence="CC-BY-NC-4.0")
    _curated(workspace, "CC0-1.0", a="")
    file = workspace.scenario_metadata
    file.write_text(file.read_text().replace("a" * 64, "b" * 64))
    assert most_use(parents_of(workspace, workspace.scenario_run(SCENARIO))) == "non-commercial"


def test_a_preset_that_says_nothing_is_shown_with_what_the_log_says(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _trained_on(workspace, ("a", None))
    promote(workspace, SCENARIO, "Zoë", "why", use="research")
    write_preset(workspace.presets, SCENARIO, {"use": None})
    assert preset_use(workspace, SCENARIO, _preset(workspace)) == "research"


def test_presets_of_older_versions_work_and_gain_the_key_in_place(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    older = workspace.presets.read_text().replace("    use: null\n", "")
    workspace.presets.write_text(older)
    promote(workspace, SCENARIO, "Zoë", "why")
    assert _preset(workspace).use == "commercial"
    assert workspace.presets.read_text().count("use: ") == 1
    demote(workspace, SCENARIO, "Zoë", "why")
    assert _preset(workspace).use is None


def test_the_command_asks_for_a_use_and_says_it(
    workspace: Workspace, finish_run: FinishRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workspace, "from_environment", lambda: workspace)
    finish_run()
    _trained_on(workspace, ("a", "CC-BY-NC-4.0"))
    asked = ["promote", SCENARIO, "--by", "Zoë", "--reason", "why"]
    refused = CliRunner().invoke(app, [*asked, "--use", "commercial"])
    assert isinstance(refused.exception, GateError)
    told = CliRunner().invoke(app, [*asked, "--use", "research"])
    assert told.exit_code == 0, told.output
    assert "for research use" in told.output
    assert "for research use by" in CliRunner().invoke(app, ["log"]).output

"""Whether an adapter and its verdict are current is told by content, per scenario, with numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.defs.code_location import build_definitions
from slora_assets.documents import RUN_RECORD, VERDICT_FILE
from slora_assets.provenance.ledger import put_on_record
from slora_assets_tests.defs.shown import SCENARIO, WITHOUT_FOOTAGE
from slora_assets_tests.workspaces import rewrite


def _check(asset: str, check: str, scenario: str = SCENARIO) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    job = dg.define_asset_job("looked", dg.AssetSelection.checks(key))
    definitions = dg.Definitions.merge(build_definitions(), dg.Definitions(jobs=[job]))
    with dg.DagsterInstance.ephemeral() as instance:
        done = definitions.resolve_job_def("looked").execute_in_process(
            instance=instance, tags={"dagster/partition": scenario}
        )
    (found,) = done.get_asset_check_evaluations()
    return found


def _said(check: dg.AssetCheckEvaluation) -> str:
    """What a check that warns says."""
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    return check.description or ""


def _adapter(scenario: str = SCENARIO) -> dg.AssetCheckEvaluation:
    return _check("scenario_adapter", "adapter_is_current", scenario)


def _verdict() -> dg.AssetCheckEvaluation:
    return _check("scenario_validation", "verdict_is_current")


def _numbers(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in check.metadata.items()}


def test_what_was_just_made_is_current(copy: Workspace) -> None:
    adapter, verdict = _adapter(), _verdict()
    assert adapter.passed and "the recipe and the base" in (adapter.description or "")
    assert verdict.passed and "rests on the 2 clips" in (verdict.description or "")
    assert _numbers(verdict) == {"clips": 2, "clips now": 2}


def test_an_adapter_whose_scenario_has_other_clips_now_says_how_many(copy: Workspace) -> None:
    document = json.loads(copy.scenario_metadata.read_text())
    mine = [clip for clip in document["clips"] if clip["scenario"] == SCENARIO]
    trained = {clip["id"] for clip in json.loads(_record(copy).read_text())["clips"]}
    gone, moved = [c for c in mine if c["split"] == "train" and c["id"] in trained][:2]
    document["clips"] = [clip for clip in document["clips"] if clip["id"] != gone["id"]]
    moved["sha256"] = "0" * 64
    added = moved | {"id": "new", "sha256": "1" * 64, "source_group": "new"}
    document["clips"].append(added)
    document["clips"].sort(key=lambda clip: str(clip["id"]))
    copy.scenario_metadata.write_text(json.dumps(document))
    put_on_record(copy, "metadata", copy.scenario_metadata)

    outdated = _said(_adapter())  # the manifest has not been made anew
    assert "older than the metadata" in outdated and "Remedy" in outdated
    write_manifest(copy, SCENARIO)
    check = _adapter()
    assert "(1 new, 1 changed, 1 gone)" in _said(check)
    assert _numbers(check) == {"new clips": 1, "gone clips": 1, "changed clips": 1}
    # The verdict is on the adapter that there is, but was held against footage of before.
    assert "the footage is not that which it was held against" in _said(_verdict())


def _record(workspace: Workspace) -> Path:
    return workspace.scenario_run(SCENARIO) / RUN_RECORD


def test_a_recipe_that_changed_is_named_by_its_keys(copy: Workspace) -> None:
    recipe = yaml.safe_load(copy.training_config.read_text())
    recipe |= {"epochs": 3, "optimizer": {"learning_rate": 0.001}}
    copy.training_config.write_text(yaml.safe_dump(recipe))
    said = _said(_adapter())
    assert "the recipe differs in epochs, optimizer.learning_rate" in said
    assert "materialize scenario_adapter" in said


def test_a_scenario_that_was_never_trained_says_so(copy: Workspace) -> None:
    assert "make train-scenarios" in _said(_adapter(WITHOUT_FOOTAGE))


def test_a_verdict_on_another_adapter_is_not_current(copy: Workspace) -> None:
    best = json.loads(_record(copy).read_text())["best"]
    rewrite(_record(copy), lambda record: record.update(best=best | {"sha256": "f" * 64}))
    put_on_record(copy, "run", _record(copy))
    said = _said(_verdict())
    assert f"it is about adapter {best['sha256'][:12]}, and the run's best is ffffffffffff" in said


def test_a_verdict_that_was_asked_other_prompts_says_how_many(copy: Workspace) -> None:
    prompts = yaml.safe_load(copy.validation_prompts.read_text())
    prompts["scenarios"][SCENARIO]["prompts"].append("a red cart at the market")
    copy.validation_prompts.write_text(yaml.safe_dump(prompts))
    check = _verdict()
    assert "it rests on 2 clips of each side, and 3 are asked" in _said(check)
    assert _numbers(check) == {"clips": 2, "clips now": 3}
    (copy.validation(SCENARIO) / VERDICT_FILE).unlink()
    assert "make validate" in _said(_verdict())

"""What SET and one run's own overrides say is what the training that the graph launches does, and
what its record says."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.defs.code_location import build_definitions
from slora_assets.provenance.records import read_run_record
from slora_assets_tests.defs.shown import SCENARIO

ADAPTER = dg.AssetKey("scenario_adapter")


def _launched(*overrides: str) -> dg.AssetMaterialization:
    """What a run of the job behind `make train-scenarios` reports of the scenario's adapter."""
    job = build_definitions().resolve_job_def("train_scenarios")
    with dg.DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(
            asset_selection=[ADAPTER],
            partition_key=SCENARIO,
            instance=instance,
            run_config=dg.RunConfig(
                {ADAPTER.to_user_string(): {"config": {"overrides": [*overrides]}}}
            ),
        )
    (made,) = done.asset_materializations_for_node(ADAPTER.to_user_string())
    return made


def test_a_run_of_the_graph_trains_with_what_set_and_its_own_overrides_say(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLORA_SET", "epochs=1 lora.rank=4 lora.alpha=4 seed=3")
    made = _launched("seed=5", "optimizer.learning_rate=2e-4")
    run = workspace.scenario_run(SCENARIO)
    difference = read_run_record(run).config_difference
    wanted = {"epochs": 1, "lora.rank": 4, "lora.alpha": 4.0, "seed": 5}
    wanted |= {"optimizer.learning_rate": 2e-4}
    assert {key: difference.get(key) for key in wanted} == wanted
    assert made.metadata["config_difference"].value == difference
    settings = read_settings(run / "config.yaml", TrainingSettings)
    assert (settings.seed, settings.optimizer.learning_rate) == (5, 2e-4)
    lines = (run / "validation_metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["epoch"] == 1, "the recipe says two"

    assert _launched("seed=5", "optimizer.learning_rate=2e-4").metadata["cache"].value == "hit"

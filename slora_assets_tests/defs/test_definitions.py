"""The graph loads lightly, holds together, and its sensor decides as it should."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg

from slora_assets.defs.metadata import ON_CHANGED_INPUTS
from slora_assets_tests.small_graph import PROJECT

HEAVY = ("torch", "diffusers", "transformers", "peft", "open_clip", "av", "cv2", "numpy", "polars")


def test_loading_the_graph_imports_no_model_library() -> None:
    script = (
        "import sys, slora_assets.definitions as d;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stdout.strip() == "[]"


def test_the_graph_holds_together() -> None:
    from slora_assets.definitions import defs

    dg.Definitions.validate_loadable(defs)
    jobs = {job.name for job in defs.resolve_all_job_defs()}
    assert {
        "data",
        "preprocess",
        "train",
        "train_scenarios",
        "validate",
        "summary",
        "refresh",
        "promote",
        "demote",
    } <= jobs


def test_every_step_that_may_use_the_accelerator_is_in_its_pool() -> None:
    from slora_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    pooled = {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).pools}
    assert pooled == {
        "latents",
        "prompt_embeddings",
        "scenario_adapter",
        "unified_adapter",
        "scale_sweep",
        "scenario_validation",
        "unified_validation",
    }


def test_only_changed_content_sets_an_asset_off() -> None:
    version = "a"

    @dg.asset
    def source() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(data_version=dg.DataVersion(version))

    @dg.asset(deps=[source], automation_condition=ON_CHANGED_INPUTS)
    def follower() -> None: ...

    defs, instance = dg.Definitions([source, follower]), dg.DagsterInstance.ephemeral()
    dg.materialize([source, follower], instance=instance)
    cursor = None
    requested = []
    for now in ("a", "a", "b", "b"):
        version = now
        dg.materialize([source], instance=instance)
        result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
        cursor = result.cursor
        requested.append(result.get_num_requested(dg.AssetKey("follower")))
    assert requested == [0, 0, 1, 0]

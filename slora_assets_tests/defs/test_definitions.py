"""The graph loads lightly, holds together, and its sensor decides as it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.defs.metadata import ON_CHANGED_INPUTS
from slora_assets.defs.refresh_decision import changed_scenarios, decide, listing_of
from slora_assets_tests.small_graph import PROJECT

HEAVY = ("torch", "diffusers", "transformers", "peft", "open_clip", "av", "cv2")


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
        "scenario_validation",
        "unified_validation",
    }


def test_footage_is_acted_on_once_when_it_stands_still() -> None:
    nothing = {"listing": "", "requested": ""}
    arriving = decide(nothing, "a")  # type: ignore[arg-type]
    assert not arriving.act
    growing = decide(arriving.seen, "b")
    assert not growing.act
    still = decide(growing.seen, "b")
    assert still.act
    assert not decide(still.seen, "b").act


def test_a_file_that_grows_changes_the_listing(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"a")
    before = listing_of([clip])
    clip.write_bytes(b"ab")
    assert listing_of([clip]) != before


@given(
    st.dictionaries(st.sampled_from("abc"), st.text()),
    st.dictionaries(st.sampled_from("abc"), st.text()),
)
def test_only_changed_scenarios_are_refreshed(before: dict[str, str], now: dict[str, str]) -> None:
    changed = changed_scenarios(before, now)
    assert set(changed) == {name for name in now if before.get(name) != now[name]}


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

"""The roll-up says what is so, and says when it no longer does."""

from __future__ import annotations

import pytest

from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.deployment.summary import outdated_rows, summarise
from slora_assets.provenance import write_json
from slora_assets_tests.deployment.conftest import FinishRun


@pytest.fixture
def curated(workspace: Workspace) -> Workspace:
    """A metadata document that knows one scenario, and no clip."""
    entry = {
        "description": "A market.",
        "any_caption": 4,
        "matched": 3,
        "missing": 0,
        "unusable": 0,
        "train": 2,
        "validation": 1,
        "test": 0,
        "min_train_clips": 2,
        "min_validation_clips": 1,
        "shortfall": None,
    }
    write_json(
        workspace.scenario_metadata,
        {
            "schema_version": 1,
            "config_hash": "a",
            "dataset_hash": "b",
            "clips": [],
            "rejects": [],
            "reject_counts": {},
            "dataset": {"name": "sample", "licence": "CC0-1.0", "use": "any", "annotations": {}},
            "scenarios": {"market_floor": entry},
        },
    )
    return workspace


def test_an_untrained_scenario_has_a_row_that_says_so(curated: Workspace) -> None:
    rows = summarise(curated)["rows"]
    assert rows["market_floor"]["state"] == "not trained"
    assert rows[UNIFIED]["state"] == "not trained"


def test_a_new_verdict_makes_only_its_row_outdated(
    curated: Workspace, finish_run: FinishRun
) -> None:
    summarise(curated)
    assert outdated_rows(curated) == []
    finish_run("market_floor")
    assert outdated_rows(curated) == ["market_floor"]
    summarise(curated)
    assert outdated_rows(curated) == []


def test_without_a_summary_the_error_says_what_makes_one(curated: Workspace) -> None:
    with pytest.raises(MissingInputError, match="make summary"):
        outdated_rows(curated)

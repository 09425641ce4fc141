"""Gives the command line's runs the code location under which the UI lists them.

Without one the overview's timeline leaves a run out and the page of its job says "No runs". Dagster
gives one to the runs that its UI and daemon launch, and nothing public gives one to others: so the
origin is read from the form in which runs are stored, and handed in where an instance makes a run.
`test_user_interface.py` asks what the UI asks, and fails when either changes.
"""

import json
from typing import Final

import dagster as dg

LOCATION: Final = "slora"
"""As `pyproject.toml` and `workspace.yaml` name it."""
_REPOSITORY: Final = "__repository__"


def make_runs_of_this_location(instance: dg.DagsterInstance, job: dg.JobDefinition) -> None:
    """From now on runs of `job` that this instance makes bear the code location's name."""
    stored = {
        "__class__": "ExternalPipelineOrigin",
        "external_repository_origin": {
            "__class__": "ExternalRepositoryOrigin",
            "repository_location_origin": {
                "__class__": "RegisteredRepositoryLocationOrigin",
                "location_name": LOCATION,
            },
            "repository_name": _REPOSITORY,
        },
        "pipeline_name": job.name,
    }
    origin = dg.deserialize_value(json.dumps(stored))
    make = type(instance).create_run_for_job

    def create_run_for_job(**about: object) -> dg.DagsterRun:
        return make(instance, **{**about, "remote_job_origin": origin})  # type: ignore[arg-type]

    instance.create_run_for_job = create_run_for_job  # type: ignore[method-assign, assignment]

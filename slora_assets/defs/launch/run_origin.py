"""Gives the command line's runs the code location under which the UI lists them.

Without one the overview's timeline leaves a run out and the page of its job says "No runs". Dagster
gives one to the runs that its UI and daemon launch, and nothing public gives one to others: so the
origin is read from the form in which runs are stored, and handed in where an instance makes a run.
`test_launch.py` looks at what the UI lists runs by, and fails when either changes.
"""

import json
from functools import partial
from typing import Any, Final

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
    origin: Any = dg.deserialize_value(json.dumps(stored))  # its class has no public name
    # A method of this one object, because `execute_in_process` makes its run itself and takes no
    # origin: there is no other place to hand it in.
    instance.create_run_for_job = partial(  # type: ignore[method-assign]  # on purpose, see above
        instance.create_run_for_job, remote_job_origin=origin
    )

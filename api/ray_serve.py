"""The service on Ray Serve: `application` is what a Serve config file imports
(`deploy/ray_serve.yaml`).

`Api` is the service's own FastAPI application: it accepts jobs, and shows them. `Generator` makes
clips, one at a time per replica, with as many GPUs as it is given. Jobs are handed over by name and
claimed in the database, where everything that becomes of them is written down too, so that a
replica may die at any moment.
"""

from __future__ import annotations

import asyncio
import logging.config
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.app import create_app
from api.jobs.dispatcher import Dispatcher, Lost
from api.jobs.handed import HandedJobs
from api.jobs.job import Job
from api.kept_presets import KeptPresets
from api.logs import log_settings
from api.settings import ApiSettings
from api.workshop import Workshop
from slora_assets.config.environment import JOBS
from slora_assets.config.errors import ConfigError
from slora_assets.processes.preloading import configure_libraries

API: Final = "Api"
GENERATOR: Final = "Generator"
"""Names of the deployments, as a Serve config file may set them apart."""


class Arguments(BaseModel):
    """`args` of the application in a Serve config file."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    generators: Annotated[int, Field(ge=1)] = 1
    """Replicas that make clips."""
    gpus: Annotated[float, Field(ge=0)] = 1
    """GPUs of each; 0: it computes on its node's cores."""
    cpus: Annotated[float, Field(ge=0)] = 1
    """Cores that the cluster counts for each; Ray has it compute with as many threads, unless
    `OMP_NUM_THREADS` is set."""
    apis: Annotated[int, Field(ge=1)] = 1
    """Replicas that answer requests."""


def application(args: Mapping[str, Any]) -> Any:
    """The Serve application for slora's variables in the environment.

    Raises ConfigError where Ray Serve isn't installed, for `args` that can't be meant, and for jobs
    that aren't in PostgreSQL.
    """
    try:
        from ray import serve
    except ImportError as error:
        raise ConfigError(
            "Ray Serve is not installed", remedy="pip install 'slora[serve]'"
        ) from error
    asked = _arguments(args)
    settings = ApiSettings.from_environment()
    refuse_other_databases(settings)
    environment = _environment(settings)
    longest_s = KeptPresets(settings.workspace.presets).now().limits.max_seconds
    generator = serve.deployment(
        name=GENERATOR,
        num_replicas=asked.generators,
        max_ongoing_requests=1,  # what waits, waits where it may still go to any replica
        graceful_shutdown_timeout_s=longest_s,  # one that is to go finishes its clip
        ray_actor_options={"num_cpus": asked.cpus, "num_gpus": asked.gpus},
    )(Generator)

    def built() -> FastAPI:
        return create_api(environment)

    api = serve.deployment(name=API, num_replicas=asked.apis, max_ongoing_requests=500)
    return api(serve.ingress(built)()).bind(generator.bind(environment, asked.gpus == 0))


def refuse_other_databases(settings: ApiSettings) -> None:
    """Raise ConfigError for jobs that aren't in PostgreSQL: several processes, on several machines,
    write them."""
    if sa.make_url(settings.database or "sqlite://").get_backend_name() != "postgresql":
        raise ConfigError(
            "on Ray Serve jobs are kept in PostgreSQL, as several processes write them",
            key=JOBS,
            found="nothing, which is a file in the workspace" if not settings.database else "other",
            expected="postgresql+psycopg://<user>:<password>@<host>/<database>",
            remedy=f"set {JOBS} where the application is built: in the environment of `ray start`,"
            " or as `env_vars` of its runtime_env",
        )


def create_api(environment: Mapping[str, str]) -> FastAPI:
    """The service's application, in a replica that has its jobs made by the generators."""
    _enter(environment)
    # Weights are others' to load.
    settings = replace(ApiSettings.from_environment(), on_cluster=True, warm=False)

    def begin(workshop: Workshop) -> Dispatcher:
        return Dispatcher(workshop.jobs, _sender(), _generators, workshop.published, workshop.ended)

    return create_app(settings, begin)


class Generator:
    """A replica that makes clips."""

    def __init__(self, environment: Mapping[str, str], on_cores: bool) -> None:
        _enter(environment)
        device = "cpu" if on_cores else None
        settings = replace(ApiSettings.from_environment(), on_cluster=True, device=device)
        self._workshop = Workshop(settings)
        work = self._workshop
        self._jobs = HandedJobs(work.jobs, work.make, work.idle, work.ended, work.store.erase)
        self._hold = _held_scenarios(work.presets().limits.kept_adapters)

    async def make(self, job_id: str, owner: str) -> int:
        """Make a job that waits at the service `owner`; returns how many adapters were loaded for
        it."""
        from ray import serve

        before, scenario = self._workshop.engine.switches, serve.get_multiplexed_model_id()
        if scenario:
            await self._hold(scenario)
        await asyncio.to_thread(self._jobs.make, job_id, owner)
        return self._workshop.engine.switches - before

    def check_health(self) -> None:
        """Raise where no clip would ever be made here: Serve starts another."""
        if not self._jobs.alive:
            raise RuntimeError("the thread that makes clips has ended")

    def __del__(self) -> None:
        if hasattr(self, "_jobs"):
            self._jobs.close()


def _held_scenarios(most: int) -> Callable[[str], Awaitable[str]]:
    """Notes which scenarios a replica holds, so that Serve sends their jobs to it: the last `most`.

    The adapter itself is loaded by the job that needs it, whose time, refusals and memory these
    are; `AdapterSlots` keeps as many, in the same order of use.
    """
    from ray import serve

    async def held(scenario: str) -> str:
        return scenario

    hold: Callable[[str], Awaitable[str]] = serve.multiplexed(max_num_models_per_replica=most)(held)
    return hold


def _sender() -> Callable[[Job, str], int]:
    """Has a generator make a job, one that holds its scenario's adapter where there is one."""
    from ray import serve
    from ray.exceptions import ActorDiedError

    def send(job: Job, owner: str) -> int:
        scenario = job.request.scenario if job.plan.adapter_sha256 else ""
        generators = serve.get_deployment_handle(GENERATOR)
        one = generators.options(multiplexed_model_id=scenario)
        try:
            return int(one.make.remote(job.id, owner).result())
        except ActorDiedError as error:
            raise Lost(str(error)) from error

    return send


def _generators() -> int:
    """How many replicas there are that make clips."""
    from ray import serve

    name = serve.get_replica_context().app_name
    deployments = serve.status().applications[name].deployments
    states = deployments[GENERATOR].replica_states if GENERATOR in deployments else {}
    return int(states.get("RUNNING", 0))


def _arguments(args: Mapping[str, Any]) -> Arguments:
    try:
        return Arguments.model_validate(dict(args))
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ConfigError(
            f"the application can't be built so ({wrong['msg']})",
            key=".".join(["args", *map(str, wrong["loc"])]),
            found=wrong["input"],
            expected=f"{', '.join(Arguments.model_fields)}, and no others",
        ) from error


def _environment(settings: ApiSettings) -> dict[str, str]:
    """What each replica is told: slora's variables as they are here, with paths that hold from
    wherever it begins."""
    mine = {name: value for name, value in os.environ.items() if name.startswith("SLORA_")}
    workspace = settings.workspace
    return mine | {"SLORA_WORKSPACE": str(workspace.root), "SLORA_CONFIGS": str(workspace.configs)}


def _enter(environment: Mapping[str, str]) -> None:
    """Begin as a process of the service."""
    os.environ.update(environment)
    configure_libraries()
    logging.config.dictConfig(log_settings())

"""The environment variables that the project reads, as `docs/settings.md` lists them; how they are
read: `environment.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Variable:
    """One environment variable."""

    name: str
    default: str
    """In words, where it is no plain value."""
    meaning: str
    make: str | None = None
    """What `make` calls it: `make data DATASET=msrvtt`."""


VARIABLES: Final = (
    Variable(
        "SLORA_WORKSPACE",
        "the working directory if it holds `configs/data`, else the project's folder; the working"
        " directory where slora is installed without its folder",
        "Where runs write `data/`, `checkpoints/` and `outputs/`.",
        "WORKSPACE",
    ),
    Variable(
        "SLORA_CONFIGS",
        "`configs/` of the working directory, else those that slora comes with",
        "The folder of configuration files.",
    ),
    Variable(
        "SLORA_DATASET",
        "`sample`",
        "The dataset: the name of a file in `configs/data/`, or the path of a `.yaml` file.",
        "DATASET",
    ),
    Variable(
        "SLORA_FOOTAGE",
        "none: must be set for a dataset file that names it",
        "The folder of video files, in the dataset files that say `${SLORA_FOOTAGE}`.",
        "FOOTAGE",
    ),
    Variable(
        "SLORA_ANNOTATIONS",
        "none: must be set for a dataset file that names it",
        "Annotations, or their folder, in the dataset files that say `${SLORA_ANNOTATIONS}`.",
        "ANNOTATIONS",
    ),
    Variable(
        "SLORA_TRAINING",
        "`lora_default`",
        "The recipe: the name of a file in `configs/training/`, or the path of a `.yaml` file.",
        "TRAINING",
    ),
    Variable(
        "SLORA_RESTART",
        "`0`: an unfinished run is gone on with, or refused",
        "`1` throws away an unfinished training, as `--restart` does.",
        "RESTART",
    ),
    Variable(
        "SLORA_PREVIEW",
        "`0`",
        "`1` lets the service serve adapters that nobody has promoted, labelled as such.",
        "PREVIEW",
    ),
    Variable(
        "SLORA_SET",
        "empty",
        "Keys of the recipe that `make` and the graph set over the file, parted by spaces:"
        " `optimizer.learning_rate=1e-4 epochs=3`.",
        "SET",
    ),
    Variable(
        "SLORA_COMPUTE",
        "`local`: processes of this machine",
        "`ray` sends first frames, encoding, training and validation to the cluster that"
        " `RAY_ADDRESS` names, with the extra `ray`.",
        "COMPUTE",
    ),
    Variable(
        "RAY_ADDRESS",
        "the cluster that this machine belongs to",
        "Ray's own: `<host>:<port>` of the cluster's head, where `SLORA_COMPUTE` is `ray`.",
    ),
    Variable(
        "SLORA_LANES",
        "one for each core, four at most, where the base is the miniature, scenarios are several"
        " and work is local; else `1`",
        "How many runs a verb works on at once, 8 at most; `make train-scenarios LANES=1` trains"
        " one scenario after the other. Each needs memory of its own, has its share of cores and,"
        " where `CUDA_VISIBLE_DEVICES` names several GPUs, one of them.",
        "LANES",
    ),
    Variable(
        "SLORA_CORES",
        "those that the system lets a process have",
        "How many cores a command and the workers that it starts use at most.",
    ),
    Variable(
        "SLORA_TRACEBACK",
        "`0`",
        "`1` also prints where in the code a failure came from, for a bug report.",
    ),
    Variable(
        "SLORA_PORT",
        "`8017`, of the comparison `8018`",
        "The port of the service or the comparison.",
    ),
    Variable(
        "SLORA_HOST",
        "`127.0.0.1`: this machine alone",
        "The address that the service listens on; `0.0.0.0` is all that the machine has. On any"
        " but the loopback address clients must show a key (`slora api-keys add`).",
    ),
    Variable(
        "SLORA_REQUIRE_KEYS",
        "`0`",
        "`1` asks for keys on the loopback address as well, as behind a proxy that others reach.",
    ),
    Variable(
        "SLORA_API_KEY",
        "empty",
        "Secret: the key that `python -m api.client --url` shows to a service that asks for one.",
    ),
    Variable(
        "SLORA_HOST_NAMES",
        "empty: on the loopback address `127.0.0.1` and `localhost`, else any",
        "Host names that the service answers to beside `localhost`, parted by commas.",
    ),
    Variable(
        "SLORA_CORS_ORIGINS",
        "empty: none",
        "Origins of other sites whose pages may use the service, parted by commas:"
        " `https://studio.example`.",
    ),
    Variable(
        "SLORA_RATE_LIMIT",
        "`600/minute`",
        "How many requests one key may send; several rates parted by semicolons.",
    ),
    Variable(
        "SLORA_JOBS_PER_KEY",
        "`3`",
        "How many unfinished jobs one key may have.",
    ),
    Variable(
        "SLORA_WARM",
        "`0`",
        "`1` lets the service load its base and an adapter as it starts, and not be ready before.",
    ),
    Variable(
        "SLORA_STORE",
        "empty: nothing is pushed",
        "The store that stages push what they made to, and `slora push` and `slora pull` speak to:"
        " `s3://<bucket>/<prefix>`, or another URL that fsspec knows. Keys, region and the endpoint"
        " of servers other than Amazon's are in AWS's own variables: the secrets"
        " `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`,"
        " `AWS_ENDPOINT_URL`.",
    ),
    Variable(
        "SLORA_FOOTAGE_CACHE_GIB",
        "`20`",
        "How many GiB of copies are kept here of footage that lies at a URL; what was used longest"
        " ago makes room.",
    ),
    Variable(
        "SLORA_IDLE_S",
        "`900`; `0` with `SLORA_WARM=1`",
        "After how many seconds in which nobody wants a clip the service gives back the memory that"
        " its loaded base takes; the next clip loads it again. `0`: never.",
    ),
    Variable(
        "SLORA_ACCELERATOR_WAIT_S",
        "`600`",
        "How many seconds a clip waits for a training that uses the accelerator, before its job"
        " fails (`accelerator-busy`).",
    ),
    Variable(
        "SLORA_JOBS_URL",
        "`outputs/jobs.sqlite` in the workspace",
        "Secret: SQLAlchemy's URL of the database that the service keeps its jobs in:"
        " `postgresql+psycopg://<user>:<password>@<host>/<database>`.",
    ),
    Variable(
        "SLORA_LOG",
        "`text`",
        "`json` makes the service's log an object per line, each with the id of its request or its"
        " job.",
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "empty: nobody is told",
        "Where the service sends a span per request and per generation, with the extra `otel`. The"
        " other `OTEL_` variables mean what they do for OpenTelemetry's own exporter.",
    ),
    Variable(
        "SLORA_KEYS",
        "the user's folder for programs' data, outside of every workspace",
        "The folder of the key that slora signs with, made on first use, and of the hashes of the"
        " service's keys. Its private key is a secret.",
    ),
    Variable(
        "SLORA_TSA_URL",
        "empty: no time stamps",
        "The time-stamping authority (RFC 3161) that the credentials of videos and adapters are"
        " stamped by. Where it is set and doesn't answer, nothing is published.",
    ),
    Variable(
        "SLORA_WEBHOOK_URL",
        "empty",
        "Secret: the address that notices are posted to, where `configs/notices.yaml` has a"
        " `webhook`.",
    ),
    Variable(
        "SLORA_SMTP_PASSWORD",
        "empty",
        "Secret: the password of the mail server's user, where `configs/notices.yaml` has one.",
    ),
    Variable(
        "SLORA_POSTGRES_URL",
        "empty",
        "Secret: the database of `deploy/dagster.prod.yaml`, where that is used:"
        " `postgresql+psycopg2://<user>:<password>@<host>/<database>`.",
    ),
    Variable(
        "SLORA_CODE_HOST",
        "none: must be set for `deploy/workspace.yaml`",
        "Where the UI and the daemon find the process that serves the graph.",
    ),
    Variable(
        "SLORA_CODE_PORT",
        "none: must be set for `deploy/workspace.yaml`",
        "The port that it serves the graph on.",
    ),
    Variable(
        "SLORA_RUN_HOST",
        "the host's name",
        "What `dead_runs` takes for the host that a run's process is on. To be set where a"
        " successor of the code server's container has another name; one name per code server.",
    ),
    Variable(
        "OPENLINEAGE_URL",
        "empty: nobody is told",
        "Who is told by OpenLineage events what each stage has put on record; waited for 2 s at"
        " most. `OPENLINEAGE_ENDPOINT`, `OPENLINEAGE_NAMESPACE` and the secret"
        " `OPENLINEAGE_API_KEY` mean what they do for OpenLineage's own client.",
    ),
    Variable(
        "MLFLOW_TRACKING_URI",
        "empty",
        "The MLflow server of `slora export --register`. `MLFLOW_TRACKING_USERNAME` and the secrets"
        " `MLFLOW_TRACKING_PASSWORD` and `MLFLOW_TRACKING_TOKEN` mean what they do for MLflow's own"
        " client.",
    ),
    Variable(
        "SLORA_SUPERVISOR_PID",
        "empty",
        "Set by slora for its workers: the process whose end must end the worker.",
    ),
    Variable(
        "SLORA_CLUSTER_WORK",
        "empty",
        "Set by slora for its workers on a cluster: what they do. Only workers of the same work"
        " wait for each other then; accelerators are the cluster's to give.",
    ),
    Variable(
        "DAGSTER_HOME",
        "`.dagster/` of the workspace, for `make` and `python -m slora_assets.defs.launch`",
        "Where Dagster keeps a workspace's history and finds `dagster.yaml`. `make setup` writes"
        " the project's own into `.env`, which `dg` and `dagster` read in the project's folder."
        " Started elsewhere they open a history before they load any code of the project, so it"
        " must be in the environment there: else the run's history is a temporary one, and a"
        " warning says so.",
    ),
)

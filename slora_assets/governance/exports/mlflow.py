"""MLflow: the adapter as a version of a registered model, by the tracking server's REST API.

MLflow's own client isn't needed, and no release of it stands beside the packages that slora is
pinned to. What is sent is written down too, so that one can look at it without a server.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import datetime
from typing import Any, Final

import httpx

from slora_assets.config.errors import ConfigError, UnreadableError
from slora_assets.governance.exports.facts import Exported, hyperparameters, scenarios_of, scores
from slora_assets.provenance import json_text

FILE: Final = "mlflow.json"
URI: Final = "MLFLOW_TRACKING_URI"
_TIMEOUT_S: Final = 30.0
_API: Final = "api/2.0/mlflow"
_EXISTS: Final = "RESOURCE_ALREADY_EXISTS"

Body = dict[str, Any]


def mlflow(run: Exported) -> str:
    """What is sent, as text."""
    return json_text(_bodies(run))


def register(run: Exported, uri: str | None = None) -> str:
    """Register the adapter at `uri`, or MLFLOW_TRACKING_URI's; again changes nothing. Returns the
    version's number. Raises ConfigError without an address, UnreadableError."""
    where = uri or os.environ.get(URI)
    if not where or not where.startswith(("http://", "https://")):
        raise ConfigError(
            "there is no tracking server to register the adapter at",
            key=URI,
            found=where,
            expected="the address of an MLflow server, http://... or https://...",
            remedy=f"set {URI}; the file that this export writes says what would be sent",
        )
    bodies = _bodies(run)
    try:
        with httpx.Client(base_url=where.rstrip("/"), timeout=_TIMEOUT_S, auth=_auth()) as client:
            _post(client, "registered-models/create", bodies["registered_model"], may_exist=True)
            found = _known(client, run)
            if found is not None:
                return found
            run_id = _logged_run(client, bodies)
            version = bodies["model_version"] | {"run_id": run_id}
            made = _post(client, "model-versions/create", version)
            return str(made["model_version"]["version"])
    except (httpx.HTTPError, KeyError, ValueError, TypeError) as error:
        raise UnreadableError(
            f"the tracking server did not register the adapter ({type(error).__name__}: {error})",
            key=URI,
            found=where,
            remedy="look at the server's log; the export can be run again",
        ) from error


def _bodies(run: Exported) -> dict[str, Body]:
    started = _milliseconds(run.time)
    tags = {
        "slora.adapter_sha256": run.adapter.sha256,
        "slora.base": f"{run.adapter.base}@{run.adapter.base_revision}",
        "slora.dataset": run.record.dataset,
        "slora.dataset_hash": run.record.dataset_hash,
        "slora.config_hash": run.record.config_hash,
        "slora.run_hash": run.record.run_hash,
        "slora.licences": ", ".join(sorted({one.licence.id for one in run.parents})),
        "slora.use": run.use,
        "slora.verdict": run.verdict.gate.answer if run.verdict else "none",
        "slora.promoted": run.promotion.time if run.promotion else "no",
    }
    as_list = [{"key": key, "value": value} for key, value in sorted(tags.items())]
    return {
        "registered_model": {
            "name": run.title,
            "description": f"LoRA adapters for {scenarios_of(run)}.",
        },
        "run": {"run_name": run.title, "start_time": started, "tags": as_list},
        "batch": {
            "params": [
                {"key": key.replace(" ", "_"), "value": value}
                for key, value in sorted(hyperparameters(run).items())
            ],
            "metrics": [
                {"key": key, "value": value, "timestamp": started, "step": run.adapter.step}
                for key, value in scores(run).items()
            ],
        },
        "model_version": {
            "name": run.title,
            "source": f"urn:sha256:{run.adapter.sha256}",
            "tags": as_list,
        },
    }


def _logged_run(client: httpx.Client, bodies: dict[str, Body]) -> str:
    """A run with the parameters and the metrics, finished; its id."""
    started = bodies["run"]["start_time"]
    made = _post(client, "runs/create", bodies["run"] | {"experiment_id": _experiment(client)})
    run_id = str(made["run"]["info"]["run_id"])
    _post(client, "runs/log-batch", bodies["batch"] | {"run_id": run_id})
    finished = {"run_id": run_id, "status": "FINISHED", "end_time": started}
    _post(client, "runs/update", finished)
    return run_id


def _experiment(client: httpx.Client) -> str:
    """The id of the experiment `slora`."""
    answer = client.get(f"{_API}/experiments/get-by-name", params={"experiment_name": "slora"})
    if answer.status_code == httpx.codes.NOT_FOUND:
        return str(_post(client, "experiments/create", {"name": "slora"})["experiment_id"])
    return str(answer.raise_for_status().json()["experiment"]["experiment_id"])


def _known(client: httpx.Client, run: Exported) -> str | None:
    """The version that is this very adapter, if there is one."""
    wanted = {"filter": f"name = '{run.title}'", "max_results": "1000"}
    answer = client.get(f"{_API}/model-versions/search", params=wanted).raise_for_status()
    for version in answer.json().get("model_versions", []):
        tags = {one["key"]: one.get("value") for one in version.get("tags", [])}
        if tags.get("slora.adapter_sha256") == run.adapter.sha256:
            return str(version["version"])
    return None


def _post(client: httpx.Client, method: str, body: Body, *, may_exist: bool = False) -> Body:
    answer = client.post(f"{_API}/{method}", json=body)
    if may_exist and answer.is_client_error and answer.json().get("error_code") == _EXISTS:
        return {}
    made: Body = answer.raise_for_status().json()
    return made


def _auth() -> httpx.Auth | None:
    """As MLflow's client: a name and a password, or a token."""
    name, password = (os.environ.get(f"MLFLOW_TRACKING_{one}") for one in ("USERNAME", "PASSWORD"))
    if name and password:
        return httpx.BasicAuth(name, password)
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return _Bearer(token) if token else None


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1000)

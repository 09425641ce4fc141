"""An adapter's registration with MLflow, as an option: once, with its origin, or a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.governance.exports.facts import exported
from slora_assets.governance.exports.mlflow import register
from slora_assets_tests.governance.made import SCENARIO
from slora_assets_tests.served import Answer, served


class _FakeMlflow:
    """As much of a tracking server as a registration asks of it."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []
        self.models: set[str] = set()

    def answer(self, name: str, sent: Any) -> Answer:
        method = name.removeprefix("POST ").removeprefix("GET ").removeprefix("/api/2.0/mlflow/")
        match method:
            case "registered-models/create":
                if sent["name"] in self.models:
                    return 400, {"error_code": "RESOURCE_ALREADY_EXISTS"}
                self.models.add(sent["name"])
                return 200, {"registered_model": sent}
            case "experiments/get-by-name":
                return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
            case "experiments/create":
                return 200, {"experiment_id": "7"}
            case "runs/create":
                assert sent["experiment_id"] == "7"
                return 200, {"run": {"info": {"run_id": "r1"}}}
            case "runs/log-batch" | "runs/update":
                assert sent["run_id"] == "r1"
                return 200, {}
            case "model-versions/search":
                return 200, {"model_versions": self.versions} if self.versions else {}
            case "model-versions/create":
                self.versions.append(sent | {"version": str(len(self.versions) + 1)})
                return 200, {"model_version": self.versions[-1]}
        return 404, {}


def test_mlflow_gets_the_adapter_once_with_its_origin(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, fake = exported(project, SCENARIO), _FakeMlflow()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t")
    with served(fake.answer) as asked:
        assert register(run, asked.url) == "1"
        assert register(run, asked.url) == "1", "again changes nothing"
    assert len(fake.versions) == 1
    tags = {one["key"]: one["value"] for one in fake.versions[0]["tags"]}
    assert tags["slora.adapter_sha256"] == run.adapter.sha256
    assert tags["slora.dataset_hash"] == run.record.dataset_hash
    assert all(headers["Authorization"] == "Bearer t" for _, headers, _ in asked.requests)
    [batch] = [sent for name, _, sent in asked.requests if name.endswith("log-batch")]
    assert {one["key"] for one in batch["metrics"]} and {one["key"] for one in batch["params"]}


def test_mlflows_refusal_and_absence_are_said(project: Workspace) -> None:
    run = exported(project, SCENARIO)
    with served(lambda *_: (500, {})) as asked, pytest.raises(SloraError, match="did not register"):
        register(run, asked.url)
    with pytest.raises(SloraError, match="no tracking server"):
        register(run)

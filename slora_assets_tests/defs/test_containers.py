"""What can be seen of deploy/ without running a container: compose's schema, that files and
variables exist, that nothing is reached from outside, and that the chart's values say what
dagster.prod.yaml says."""

from __future__ import annotations

import fnmatch
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.ray_serve import Arguments
from slora_assets.config.variables import VARIABLES
from slora_assets_tests.small_graph import PROJECT

DEPLOY = PROJECT / "deploy"
COMPOSE = [DEPLOY / "compose.yaml", DEPLOY / "compose.cuda.yaml", DEPLOY / "compose.s3.yaml"]
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
SLORA, RAY_SERVICE, RAY_CLUSTER = (
    DEPLOY / "kubernetes" / f"{name}.yaml"
    for name in ("slora", "ray-service", "ray-cluster-values")
)
CHECKER = str(Path(sys.executable).with_name("check-jsonschema"))


def _read(file: Path) -> Any:
    (*before, last) = yaml.safe_load_all(file.read_text())
    return [*before, last] if before else last


def test_compose_files_are_what_compose_reads() -> None:
    command = [CHECKER, "--builtin-schema", "vendor.compose-spec", *map(str, COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_misspelt_key_of_compose_would_be_seen(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE[0].read_text().replace("healthcheck:", "healthchek:"))
    command = [CHECKER, "--builtin-schema", "vendor.compose-spec", str(wrong)]
    assert "healthchek" in subprocess.run(command, capture_output=True, text=True).stdout


def test_what_the_image_is_built_from_exists_and_gets_to_the_builder() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [
        source
        for line in lines
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    ]
    let_through = [
        line[1:]
        for line in (PROJECT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    assert all((PROJECT / one).exists() for one in [*copied, *let_through])
    assert {one for one in copied if one not in let_through} == set()


def test_footage_keys_and_passwords_do_not_get_to_the_builder() -> None:
    said = (PROJECT / ".dockerignore").read_text().splitlines()
    rules = [line for line in said if line and not line.startswith("#")]
    assert rules[0] == "*"
    for secret in ("deploy/.env", ".env", "data/ledger.jsonl", "checkpoints/x", "key.pem", ".git"):
        assert not any(fnmatch.fnmatch(secret, rule[1:] + "*") for rule in rules if rule[0] == "!")


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    (user,) = (line.split()[1] for line in lines if line.startswith("USER "))
    assert user == "10001:10001"
    assert not any(
        line.startswith("ENTRYPOINT") for line in lines
    )  # the chart gives only arguments
    pods = [one["spec"]["template"]["spec"] for one in _read(SLORA) if "template" in one["spec"]]
    (graph,) = _values()["dagster-user-deployments"]["deployments"]
    pods += [one["template"]["spec"] for one in _ray_groups()]
    cluster = _read(RAY_CLUSTER)
    for security in [pod["securityContext"] for pod in pods] + [
        one["podSecurityContext"] for one in (graph, cluster["head"], cluster["worker"])
    ]:
        assert f"{security['runAsUser']}:{security['runAsGroup']}" == user
        assert security["runAsNonRoot"] is True


def test_ports_of_the_host_are_those_of_its_loopback() -> None:
    services = _read(COMPOSE[0])["services"]
    ports = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert ports == {"api": ["127.0.0.1:8017:8017"], "webserver": ["127.0.0.1:3000:3000"]}
    kinds = {
        one["spec"].get("type", "ClusterIP") for one in _read(SLORA) if one["kind"] == "Service"
    }
    assert kinds == {"ClusterIP"}


def test_no_password_stands_in_a_file() -> None:
    for file in [*COMPOSE, *KUBERNETES, DEPLOY / "Dockerfile"]:
        text = file.read_text()
        found = re.findall(r"(?im)^\s*\w*(?:password|token|access_key): *(\S+)", text)
        found += re.findall(r"://[^:/\s]+:([^@\s]+)@", text)
        assert [
            one
            for one in found
            if not one.startswith(("${POSTGRES_PASSWORD:?", "${S3_SECRET_KEY:?", "false"))
        ] == [], file


def test_every_variable_is_one_that_something_reads() -> None:
    known = {one.name for one in VARIABLES}
    for file in [*COMPOSE, *KUBERNETES, DEPLOY / "Dockerfile", DEPLOY / "README.md"]:
        assert set(re.findall(r"\bSLORA_[A-Z_]+\b", file.read_text())) <= known, file.name


def _values() -> Any:
    return _read(DEPLOY / "kubernetes" / "dagster-values.yaml")


def test_the_chart_s_values_say_what_the_settings_for_a_server_say() -> None:
    ours, values = _read(DEPLOY / "dagster.prod.yaml"), _values()
    daemon = values["dagsterDaemon"]
    assert _snake(values["concurrency"]) == {"enabled": True, **ours["concurrency"]}
    assert _snake(daemon["runMonitoring"]) == ours["run_monitoring"]
    assert daemon["runRetries"]["maxRetries"] == ours["run_retries"]["max_retries"]
    assert _snake(daemon["sensors"]) == ours["sensors"]
    assert values["additionalInstanceConfig"]["run_queue"] == ours["run_queue"]
    for kind, said in ours["retention"].items():
        purged = _snake(values["retention"])[kind]["purge_after_days"]
        assert said["purge_after_days"].items() <= purged.items()


def test_the_chart_has_the_version_that_is_installed() -> None:
    constraints = (PROJECT / "constraints.txt").read_text()
    (installed,) = re.findall(r"^dagster==(\S+)$", constraints, re.MULTILINE)
    said = (DEPLOY / "kubernetes" / "dagster-values.yaml").read_text()
    assert f"--version {installed} " in said


def test_ray_s_nodes_have_the_version_that_is_installed() -> None:
    constraints = (PROJECT / "constraints.txt").read_text()
    (installed,) = re.findall(r"^ray==(\S+)$", constraints, re.MULTILINE)
    said = _read(RAY_SERVICE)["spec"]["rayClusterConfig"]["rayVersion"]
    assert {said, _read(RAY_CLUSTER)["head"]["rayVersion"]} == {installed}


def test_ray_service_asks_for_as_many_generators_as_it_has_gpus() -> None:
    pytest.importorskip("ray.serve")
    from ray.serve.schema import ServeDeploySchema

    spec = _read(RAY_SERVICE)["spec"]
    (application,) = ServeDeploySchema.model_validate(
        yaml.safe_load(spec["serveConfigV2"])
    ).applications
    module, name = application.import_path.split(":")
    assert callable(getattr(importlib.import_module(module), name))
    asked = Arguments.model_validate(application.args)
    (workers,) = spec["rayClusterConfig"]["workerGroupSpecs"]
    (container,) = workers["template"]["spec"]["containers"]
    gpus = container["resources"]["limits"]["nvidia.com/gpu"] * workers["replicas"]
    assert asked.generators * asked.gpus == gpus


def _ray_groups() -> list[Any]:
    cluster = _read(RAY_SERVICE)["spec"]["rayClusterConfig"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def _snake(value: Any) -> Any:
    """Keys as Dagster's own settings spell them."""
    if not isinstance(value, dict):
        return value
    return {re.sub(r"(?=[A-Z])", "_", key).lower(): _snake(one) for key, one in value.items()}

"""What who runs the service learns of it: metrics, logs, spans. Prompts stand in none of them."""

from __future__ import annotations

import json
import logging.config
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from starlette.types import Message

from api.app import create_app
from api.logs import log_settings
from api.settings import ApiSettings
from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID

SECRET = "a walrus that nobody may hear of"
FORM = {**VALID, "prompt": SECRET}


@pytest.fixture
def own(workspace: Workspace) -> FastAPI:
    return create_app(ApiSettings(workspace, device="cpu"))


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """What a test sets up of logging, it leaves to no other."""
    loggers = [logging.getLogger(name) for name in ("", "slora", "uvicorn")]
    kept = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    yield
    for logger, handlers, level, propagate in kept:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def read(client: TestClient) -> dict[str, float]:
    """Each metric's sample by its name and labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert SECRET not in answer.text and "walrus" not in answer.text
    return {
        f"{one.name}{sorted(one.labels.values())}": one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/generate", b"application/x-www-form-urlencoded", b""),
        ("/generate", b"multipart/form-data; boundary=x", b"--x"),
        ("/v1/videos", b"application/json", b'{"prompt":'),
    ],
)
def test_who_hangs_up_in_mid_body_is_no_error_of_the_service(
    own: FastAPI, caplog: pytest.LogCaptureFixture, path: str, kind: bytes, body: bytes
) -> None:
    headers = [(b"host", b"127.0.0.1"), (b"content-type", kind), (b"content-length", b"99")]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    scope |= {"headers": headers, "server": ("127.0.0.1", 80), "http_version": "1.1"}
    received = [{"type": "http.request", "body": body, "more_body": True}]

    async def receive() -> Message:
        return received.pop() if received else {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        """Nobody listens."""

    with local(own) as client:
        assert client.portal is not None
        jobs = client.get("/v1/videos").json()
        client.portal.call(own, scope, receive, send)
        told = read(client)
        assert client.get("/v1/videos").json() == jobs, "nothing was asked for"
    assert told[f"slora_requests_total['{path}', '400', 'POST']"] == 1
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_metrics_count_requests_jobs_and_stages_by_labels_that_are_few(own: FastAPI) -> None:
    with local(own) as client:
        before = read(client)
        assert before["slora_jobs_total['completed']"] == 0
        made = client.post("/generate", data=FORM).json()
        for number in range(30):
            client.get(f"/v1/videos/video_{number}")
            client.get(f"/nothing/{number}?prompt={SECRET}")
            client.request(f"ODD{number}", "/scenarios")
        job = client.post("/v1/videos", data=FORM | {"num_inference_steps": "100"}).json()["id"]
        assert read(client)["slora_queue_length[]"] == 1
        client.delete(f"/v1/videos/{job}")
        after = read(client)
    ended = {state: after[f"slora_jobs_total['{state}']"] for state in ("completed", "cancelled")}
    assert ended == {"completed": 1, "cancelled": 1}
    assert after["slora_requests_total['/generate', '200', 'POST']"] == 1
    assert after["slora_requests_total['/v1/videos/{video_id}', '404', 'GET']"] == 30
    assert after["slora_request_seconds_count['/generate', 'POST']"] == 1
    for stage in ("load", "denoise", "decode", "score"):
        assert after[f"slora_generation_seconds_count['{stage}']"] == 1
    assert after["slora_generation_seconds_sum['denoise']"] <= made["seconds"]
    assert after["slora_adapter_switches_total[]"] == 1
    assert after["slora_memory_bytes['peak_resident']"] > 1e7
    assert len(after) < len(before) + 250, "as many however many addresses clients make up"
    assert not [name for name in after if "ODD" in name or "nothing" in name]


def test_json_logs_are_of_a_request_or_a_job_and_hold_no_prompt(
    own: FastAPI,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    logging_as_before: None,
) -> None:
    monkeypatch.setenv("SLORA_LOG", "json")
    logging.config.dictConfig(log_settings())
    with local(own) as client:
        answer = client.post("/generate?prompt=walrus", data=FORM)
        assert answer.status_code == 200
        _break(own, monkeypatch)
        failed = client.post("/generate", data=FORM)
        assert failed.status_code == 500
    said = capfd.readouterr().err
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    access = next(one for one in lines if one["logger"] == "slora.access")
    assert (access["method"], access["path"], access["status"]) == ("POST", "/generate", 200)
    assert access["request_id"] == answer.headers["x-request-id"]
    broken = next(one for one in lines if one["event"].startswith("job "))
    assert broken["job"] in broken["event"] and "no such table" in broken["exception"]
    assert "walrus" not in said and SECRET not in said


def _break(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that refuses the job with all that is known of it."""
    from sqlalchemy import text

    service = app.state.service

    def make(*_: object) -> None:
        with service.jobs._engine.begin() as connection:
            connection.execute(text("INSERT INTO nowhere VALUES (:prompt)"), {"prompt": SECRET})

    monkeypatch.setattr(service.engine, "generate", make)


def test_an_unknown_format_of_the_log_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLORA_LOG", "xml")
    with pytest.raises(ConfigError, match="SLORA_LOG"):
        log_settings()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Takes spans as OpenTelemetry's collectors do."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", received
    server.shutdown()
    server.server_close()


def test_spans_go_to_the_endpoint_that_is_named_and_tell_no_prompt(
    workspace: Workspace, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, received = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    with local(create_app(ApiSettings(workspace, device="cpu"))) as client:
        made = client.post(f"/generate?prompt={SECRET}", data=FORM).json()
        client.get("/livez")
    spans = [
        span
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    named = {span.name: span for span in spans}
    assert set(named) == {"POST /generate", "slora.generation"}
    facts = {one.key: one.value.string_value for one in named["slora.generation"].attributes}
    assert facts == {"slora.job": made["job"], "slora.scenario": "market_floor"}
    assert not re.search("walrus", str(spans))

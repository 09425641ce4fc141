"""The service is asked to end while a client waits for a clip."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from api.app import create_app
from api.jobs.job import Job
from api.jobs.maker import Step
from api.jobs.store import JobStore
from api.settings import ApiSettings
from api.stopping import LastWord, told_to_stop
from slora_assets.config.workspace import Workspace
from slora_assets_tests.api.conftest import local
from slora_assets_tests.api.refused import VALID, refused
from slora_assets_tests.postgresql import free_port
from slora_assets_tests.waiting import PATIENCE_S


@pytest.fixture
def sigint() -> Iterator[None]:
    """As at a terminal, however the tests were started: in the background shells ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint")
def test_who_waits_is_told_at_once_and_the_job_is_kept(own_workspace: Workspace) -> None:
    settings, begun = ApiSettings(own_workspace, device="cpu"), threading.Event()
    app = create_app(settings)
    runner = app.state.service.runner

    def endless(_job: Job, on_step: Step) -> tuple[str, Mapping[str, object]]:
        begun.set()
        while True:
            on_step(1, 2)
            time.sleep(0.01)

    runner.maker.make = endless
    with local(app) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.post, "/generate", data=VALID)
        assert begun.wait(PATIENCE_S)
        with told_to_stop(runner.stop), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        said = refused(waiting.result(PATIENCE_S), 503)["detail"]
    [job], _ = JobStore(settings.jobs_url).page(None, 1, newest_first=True)
    assert job.state == "queued" and f"/v1/videos/{job.id}" in said


def test_who_has_no_answer_when_the_servers_patience_ends_gets_one() -> None:
    sent: list[Message] = []

    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(60)

    async def kept(message: Message) -> None:
        sent.append(message)

    async def cut_off() -> None:
        scope = {"type": "http", "headers": [], "state": {}}
        task = asyncio.ensure_future(LastWord(never)(scope, Request(scope).receive, kept))
        await asyncio.sleep(0)
        task.cancel()
        await task

    asyncio.run(cut_off())
    assert sent[0]["status"] == 503 and b"stopping" in sent[1]["body"]


@pytest.mark.usefixtures("sigint")
def test_ctrl_c_leaves_one_line_and_the_status_that_shells_expect(
    workspace: Workspace, tmp_path: Path
) -> None:
    here = {"SLORA_WORKSPACE": str(workspace.root), "SLORA_CONFIGS": str(workspace.configs)}
    free = {"SLORA_PORT": str(free_port()), "SLORA_JOBS_URL": f"sqlite:///{tmp_path / 'jobs'}"}
    command = [sys.executable, "-m", "api"]
    with subprocess.Popen(
        command, env=os.environ | here | free, stderr=subprocess.PIPE, text=True
    ) as service:
        assert service.stderr is not None
        for line in service.stderr:
            if "Uvicorn running" in line:
                break
        service.send_signal(signal.SIGINT)
        assert service.stderr.read() == "interrupted\n"
    assert service.returncode == 130

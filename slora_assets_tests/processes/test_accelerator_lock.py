"""Who may use the accelerator beside whom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DAGSTER_PIPES_MESSAGES_ENV_VAR,
    encode_param,
)

from slora_assets.config.errors import TrainingError
from slora_assets.processes.accelerator_lock import accelerator_lock
from slora_assets_tests.waiting import PATIENCE_S


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "data" / "gpu.lock"


def _asked(lock: Path, lanes: int) -> AbstractContextManager[None]:
    """By one who doesn't wait."""
    return accelerator_lock(lock, threading.Event(), lambda _: None, patience_s=0, lanes=lanes)


@pytest.mark.parametrize(
    ("held", "asked", "free"),
    [
        ([1], 1, False),
        ([1], 2, False),
        ([2], 1, False),
        ([2], 2, True),
        ([2, 2], 2, False),
        ([2, 2], 1, False),
        ([4, 4, 4], 4, True),
        ([4, 4, 4], 2, False),
        ([], 1, True),
    ],
)
def test_lanes_share_it_and_who_needs_it_as_a_whole_shares_it_with_nobody(
    held: list[int], asked: int, free: bool, lock: Path
) -> None:
    with ExitStack() as stack:
        for lanes in held:
            stack.enter_context(_asked(lock, lanes))
        if free:
            stack.enter_context(_asked(lock, asked))
        else:
            with pytest.raises(TrainingError, match="has used the accelerator"):
                stack.enter_context(_asked(lock, asked))
    with _asked(lock, 1):  # everything was given back
        pass


def test_who_waits_is_told_for_whom_and_goes_on_when_it_is_free(lock: Path) -> None:
    told = list[str]()
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(_asked(lock, 2))
        second = stack.enter_context(ExitStack())
        second.enter_context(_asked(lock, 2))

        def say(line: str) -> None:
            told.append(line)
            second.close()

        stack.enter_context(accelerator_lock(lock, stop, say, lanes=2))
    assert len(told) == 1 and told[0].startswith("waiting for the accelerator, which process ")


_IMPATIENT = """
from slora_assets.config.workspace import Workspace
from slora_assets.processes import accelerator_lock
from slora_assets.processes.worker import worker

asked, ask = 0, accelerator_lock.lock_descriptor

def counted(*arguments, **how):
    global asked
    asked += 1
    if asked == 3:
        print("asks on", flush=True)
    return ask(*arguments, **how)

accelerator_lock.LOCK_WAIT_S, accelerator_lock.lock_descriptor = 0.0, counted
with worker(Workspace.from_environment()):
    print("has it")
"""


def test_a_worker_of_the_graph_waits_as_long_as_it_takes_and_by_hand_it_gives_up(
    lock: Path, tmp_path: Path
) -> None:
    environment = os.environ | {"SLORA_WORKSPACE": str(tmp_path)}

    def begin(**more: str) -> subprocess.Popen[str]:
        command, out = [sys.executable, "-c", _IMPATIENT], subprocess.PIPE
        return subprocess.Popen(command, env=environment | more, stdout=out, stderr=out, text=True)

    with _asked(lock, 1):
        by_hand = begin()
        said, why = by_hand.communicate(timeout=PATIENCE_S)
    assert (by_hand.returncode, said) == (1, "")
    assert "has used the accelerator for over 0 s" in why

    with _asked(lock, 1):
        waiting = begin(**_pipes(tmp_path))
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "asks on\n"
    assert waiting.communicate(timeout=PATIENCE_S)[0] == "has it\n"


def _pipes(folder: Path) -> dict[str, str]:
    """The environment of a process that Dagster launched."""
    context, messages = folder / "context.json", folder / "messages"
    context.write_text(json.dumps({"run_id": "a-run", "retry_number": 0, "extras": {}}))
    messages.touch()
    return {
        DAGSTER_PIPES_CONTEXT_ENV_VAR: encode_param({"path": str(context)}),
        DAGSTER_PIPES_MESSAGES_ENV_VAR: encode_param({"path": str(messages)}),
    }

"""Who may use the accelerator beside whom."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from slora_assets.config.errors import TrainingError
from slora_assets.processes.accelerator_lock import accelerator_lock


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

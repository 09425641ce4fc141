"""A failure is one sentence that a person can act on: what, where, why, what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import dagster as dg
import pytest

from slora_assets.config.errors import CurationError
from slora_assets.defs.failure_message import (
    FailedStep,
    cause_of,
    failed_steps,
    failure_sentence,
    step_failure_message,
)
from slora_assets.processes.isolation import Task, isolated


@dataclass
class Raised:
    """As Dagster keeps an exception."""

    message: str
    cls_name: str | None = None
    cause: Raised | None = None


def _too_few() -> NoReturn:
    try:
        raise FileNotFoundError("clips.json")
    except FileNotFoundError as error:
        raise CurationError(
            "the scenario has too few clips",
            file=Path("manifest.json"),
            found=3,
            expected="8",
            remedy="add footage",
        ) from error


def _of_a_library() -> NoReturn:
    try:
        raise OSError("no space left on device")
    except OSError as error:
        raise RuntimeError("could not write\nthe checkpoint") from error


def _by_a_worker() -> NoReturn:
    raise dg.Failure("the worker failed (status 1). it ran out of memory. Remedy: batch_size=1")


def _in_a_process_of_its_own() -> NoReturn:
    list(isolated(int, [Task(Path("clip.mp4"), ("no number",))]))
    raise AssertionError("it has not failed")


def _without_words() -> NoReturn:
    raise AssertionError


def _events(step: Callable[[], NoReturn]) -> list[dg.DagsterEvent]:
    @dg.asset
    def made() -> None:
        step()

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([made], instance=instance, raise_on_error=False)
    return list(done.all_events)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            _too_few,
            "train of stage failed in made: manifest.json: the scenario has too few clips;"
            " found 3; expected 8. Remedy: add footage.",
        ),
        (_of_a_library, "train of stage failed in made: OSError: no space left on device."),
        (
            _by_a_worker,
            "train of stage failed in made: the worker failed (status 1). it ran out of memory."
            " Remedy: batch_size=1.",
        ),
        (
            _in_a_process_of_its_own,
            "train of stage failed in made: ValueError: invalid literal for int() with base 10:"
            " 'no number'.",
        ),
        (_without_words, "train of stage failed in made: AssertionError."),
    ],
)
def test_a_run_that_failed_is_one_sentence_with_its_cause_and_remedy(
    step: Callable[[], NoReturn], sentence: str
) -> None:
    assert failure_sentence("train", "stage", failed_steps(_events(step))) == sentence


def test_the_terminal_says_what_the_sentence_says() -> None:
    events = _events(_too_few)
    (failure,) = (event for event in events if event.is_step_failure)
    (step,) = failed_steps(events)
    assert step == FailedStep("made", step_failure_message(failure))


def test_a_blocking_check_speaks_for_the_step_that_it_failed() -> None:
    @dg.asset
    def made() -> None: ...

    @dg.asset_check(asset=made, blocking=True)
    def splits_do_not_leak() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="2 clips are\non two sides")

    @dg.asset_check(asset=made)
    def is_large() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="it is small")

    with dg.DagsterInstance.ephemeral() as instance:
        definitions = dg.Definitions(
            [made], asset_checks=[splits_do_not_leak, is_large], jobs=[dg.define_asset_job("all")]
        )
        done = definitions.resolve_job_def("all").execute_in_process(
            instance=instance, raise_on_error=False
        )
    (failed,) = failed_steps(done.all_events)
    assert failed.message == (
        "check splits_do_not_leak of made did not pass: 2 clips are on two sides"
    )


def test_several_steps_are_named_and_the_first_speaks() -> None:
    steps = [FailedStep("latents", "no space"), FailedStep("first_frames", "no space either")]
    said = failure_sentence("preprocess", "stage", steps)
    assert said == "preprocess of stage failed in latents (and in first_frames): no space."


def test_a_run_that_failed_outside_its_steps_says_why() -> None:
    said = failure_sentence("train", None, [], "process 12 of this run is gone")
    assert said == "train failed: process 12 of this run is gone."
    assert failure_sentence("train", None, []) == "train failed: it does not say why."


def test_no_trace_and_no_page_of_text_gets_into_a_sentence() -> None:
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n'
    error = Raised(f"RuntimeError: sampling failed\n{trace}", "RuntimeError")
    assert cause_of(error) == "RuntimeError: sampling failed"
    long = Raised(f"slora_assets.config.errors.TrainingError: {'tensor ' * 999}. Remedy: rest.")
    said = cause_of(long)
    assert len(said) < 700
    assert said.endswith("... Remedy: rest.")


def test_the_innermost_cause_speaks_without_its_module() -> None:
    inner = Raised("torch.OutOfMemoryError: CUDA out of memory\n", "OutOfMemoryError")
    outer = Raised("dagster._core.errors.DagsterExecutionStepExecutionError: Error", None, inner)
    assert cause_of(outer) == "OutOfMemoryError: CUDA out of memory"
    assert cause_of(Raised("dagster._core.errors.SomeError: not a known key")) == "not a known key"

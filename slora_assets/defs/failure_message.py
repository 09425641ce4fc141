"""What failed, in one sentence: which job of which partition, in which step, and why.

The terminal (`launch/run_log.py`) and the sensor `failed_runs` say the same. Never a stack trace:
that stands on the run's page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import dagster as dg

_OURS: Final = "slora_assets."
_ERROR: Final = dg.AssetCheckSeverity.ERROR
_MOST: Final = 600
"""Characters of a cause: libraries quote whole tensors and queries."""
_REMEDY: Final = " Remedy: "
_TRACE: Final = re.compile(r"Traceback \(most recent call last\)|Stack Trace:")
_CLASS: Final = re.compile(r"^((?:\w+\.)*)(\w+): ", re.ASCII)


class ErrorInfo(Protocol):
    """What Dagster keeps of an exception."""

    @property
    def message(self) -> str:
        """As Python prints it: the class with its module, and what it says."""
        ...

    @property
    def cls_name(self) -> str | None:
        """The class alone."""
        ...

    @property
    def cause(self) -> ErrorInfo | None:
        """What it was raised from."""
        ...


@dataclass(frozen=True)
class FailedStep:
    """One step of a run that failed, and why."""

    step: str
    message: str


def is_interruption(error: ErrorInfo | None) -> bool:
    """Whether an error says that the process was asked to stop."""
    name = dg.DagsterExecutionInterruptedError.__name__
    return any(one.cls_name == name for one in _chain(error))


def cause_of(error: ErrorInfo) -> str:
    """Why, on one line: an error of ours as it is, remedy and all; of others the innermost cause.

    Ours are raised from what they explain, so the innermost would say less.
    """
    chain = _chain(error)
    chosen = next((one for one in chain if one.message.startswith(_OURS)), chain[-1])
    return _shortened(_without_modules(chosen.message))


def step_failure_message(event: dg.DagsterEvent) -> str:
    """Why a step failed, on one line."""
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return _shortened(failure.user_failure_data.description)
    return cause_of(failure.error) if failure.error else "it doesn't say why"


def failed_steps(events: Iterable[dg.DagsterEvent]) -> list[FailedStep]:
    """The steps that failed among a run's events; a failed check speaks for the step it failed."""
    events = list(events)
    checks: dict[str | None, list[str]] = {}
    for event in events:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.blocking and check.severity == _ERROR:
                checks.setdefault(event.step_key, []).append(check_message(check))
    return [
        FailedStep(
            event.step_key or "",
            "; ".join(checks.get(event.step_key, ())) or step_failure_message(event),
        )
        for event in events
        if event.is_step_failure
    ]


def check_message(check: dg.AssetCheckEvaluation) -> str:
    """What a check that didn't pass says, on one line."""
    asset = check.asset_key.to_user_string()
    said = _shortened(check.description or "")
    return f"check {check.check_name} of {asset} did not pass" + (f": {said}" if said else "")


def failure_sentence(
    job: str, partition: str | None, steps: Sequence[FailedStep], otherwise: str = ""
) -> str:
    """The sentence. `otherwise` says why a run failed of which no step did."""
    subject = f"{job} of {partition}" if partition else job
    if not steps:
        return _ended(f"{subject} failed: {_shortened(otherwise) or 'it does not say why'}")
    first, *others = steps
    also = f" (and in {', '.join(one.step for one in others)})" if others else ""
    return _ended(f"{subject} failed in {first.step}{also}: {first.message}")


def verification_sentence(job: str, checks: Iterable[dg.AssetCheckEvaluation]) -> str:
    """What a job whose checks didn't pass found."""
    return _ended(f"{job}: {'; '.join(check_message(check) for check in checks)}")


def _chain(error: ErrorInfo | None) -> list[ErrorInfo]:
    """An error and what it was raised from, outermost first. A process that worked for another
    gives its stack trace along as a cause, which causes nothing."""
    chain: list[ErrorInfo] = []
    while error is not None:
        if not chain or not (error.cls_name or "").endswith("RemoteTraceback"):
            chain.append(error)
        error = error.cause
    return chain


def _without_modules(message: str) -> str:
    """`message` without the class where it is ours or Dagster's, without its module elsewhere."""
    message = message.strip()
    found = _CLASS.match(message)
    if found is None:
        return message
    module, name = found.groups()
    said = message[found.end() :]
    return said if module.startswith((_OURS, "dagster.")) else f"{name}: {said}"


def _shortened(text: str) -> str:
    """On one line, without traces, and no longer than a person reads; a remedy stays."""
    line = " ".join(_TRACE.split(text, maxsplit=1)[0].split())
    said, remedy_word, remedy = line.partition(_REMEDY)
    if len(line) <= _MOST:
        return line
    return f"{said[:_MOST].rstrip()} ...{remedy_word}{remedy[:_MOST]}"


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."

"""What a person at a terminal wants to know of a run's log."""

import sys

import dagster as dg

from slora_assets.defs import failure_message


def is_interruption(entry: dg.EventLogEntry) -> bool:
    """Whether a step failed because this process was asked to stop."""
    if not entry.is_dagster_event or not entry.get_dagster_event().is_step_failure:
        return False
    return failure_message.is_interruption(entry.get_dagster_event().step_failure_data.error)


def show(entry: dg.EventLogEntry, errors: list[str], about: str = "") -> None:
    """Print what a person wants to know of a run's log; collect why steps failed. Each line says
    what it is `about`."""
    if not entry.is_dagster_event:
        if entry.user_message.startswith("Dependencies for step "):
            return  # follows from a failure that is shown already
        print(f"   {about}{entry.user_message.removeprefix(about)}", flush=True)
        return
    event = entry.get_dagster_event()
    if event.is_step_failure:
        message = failure_message.step_failure_message(event)
        errors.append(message)
        print(f"   {about}{event.step_key}: {message}", file=sys.stderr, flush=True)
    elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        if not check.passed:
            what = check.description or "did not pass"
            print(f"   {about}check {check.check_name}: {what}", flush=True)
            if check.blocking:  # the step that fails of it says only that it did
                errors.append(failure_message.check_message(check))

"""What went wrong is told: on the page of its run, and where `configs/notices.yaml` says.

The sensors here start nothing. Each failed run is told once, and the same sentence again only after
a while: the tag `slora/notice` of a run says what was told of it, so that a restart tells nothing
twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.config.notices import NoticeSettings, read_notices
from slora_assets.defs.failure_message import (
    cause_of,
    failed_steps,
    failure_sentence,
    verification_sentence,
)
from slora_assets.defs.notices import Notice, deliver
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.schedules import VERIFY_SERVED
from slora_assets.provenance import object_hash

NOTICE_TAG: Final = "slora/notice"
_NOTICE_OF: Final = "slora/notice_of"
"""The run that the other tag is about: one that is executed again inherits its parent's tags."""
_ON_PAGE: Final = "on its page"
_UNDELIVERED: Final = "undelivered"
_REPEATED: Final = "told already"
_MOST_ASSETS: Final = 3
_CHECKED: Final = dg.DagsterEventType.ASSET_CHECK_EVALUATION


@dg.run_failure_sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Says of each failed run what failed and why, in one sentence on the run's page, and posts"
        " it where `configs/notices.yaml` says (nowhere, as shipped)."
    ),
)
def failed_runs(
    context: dg.RunFailureSensorContext, project: ProjectResource
) -> dg.SkipReason | None:
    """Tell of a run that failed; a run that was cancelled didn't fail."""
    run = context.dagster_run
    steps = failed_steps(_events(context, {dg.DagsterEventType.STEP_FAILURE, _CHECKED}))
    job, partition = _job_of(run), _partition_of(run)
    otherwise = _why(context.failure_event)
    return _tell(
        context,
        project,
        Notice(
            subject=f"{job} of {partition} failed" if partition else f"{job} failed",
            text=failure_sentence(job, partition, steps, otherwise),
            job=run.job_name,
            partition=partition,
            steps=tuple(one.step for one in steps),
            run_id=run.run_id,
        ),
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[VERIFY_SERVED],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        f"Tells of checks that did not pass in `{VERIFY_SERVED.name}`, as `failed_runs` tells of"
        " failures: a check that doesn't pass doesn't fail its run."
    ),
)
def failed_verification(
    context: dg.RunStatusSensorContext, project: ProjectResource
) -> dg.SkipReason | None:
    """Tell of a verification that found something wrong; warnings stay in the UI."""
    run = context.dagster_run
    checks = [event.asset_check_evaluation_data for event in _events(context, {_CHECKED})]
    wrong = [
        check
        for check in checks
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    ]
    if not wrong:
        return None
    return _tell(
        context,
        project,
        Notice(
            subject=f"{run.job_name} found something wrong",
            text=verification_sentence(run.job_name, wrong),
            job=run.job_name,
            partition=None,
            steps=tuple(check.check_name for check in wrong),
            run_id=run.run_id,
        ),
    )


def _events(
    context: dg.RunStatusSensorContext, kinds: set[dg.DagsterEventType]
) -> list[dg.DagsterEvent]:
    records = context.instance.get_records_for_run(
        context.dagster_run.run_id, of_type=kinds
    ).records
    return [record.event_log_entry.get_dagster_event() for record in records]


def _why(event: dg.DagsterEvent) -> str:
    """Why a run failed of which no step did: its process died, it never started, a resource."""
    data = event.event_specific_data and event.job_failure_data
    return cause_of(data.error) if data and data.error else event.message or ""


def _job_of(run: dg.DagsterRun) -> str:
    """The job's name, or what was asked for by hand: that job has a name of Dagster's own."""
    if not run.job_name.startswith("__"):
        return run.job_name
    assets = [key.to_user_string() for key in run.asset_selection or ()]
    checks = [key.name for key in run.asset_check_selection or ()]
    names = sorted(assets or checks)
    if not names:
        return "a run"
    more = len(names) - _MOST_ASSETS
    shown = ", ".join(names[:_MOST_ASSETS]) + (f" and {more} more" if more > 0 else "")
    return f"materializing {shown}" if assets else f"checking {shown}"


def _partition_of(run: dg.DagsterRun) -> str | None:
    first, last = (run.tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    return run.tags.get("dagster/partition") or (f"{first} to {last}" if first else None)


def _tell(
    context: dg.RunStatusSensorContext, project: ProjectResource, notice: Notice
) -> dg.SkipReason | None:
    """Tell it once; whatever can't be delivered ends this tick, and the next goes on after it."""
    instance, run = context.instance, context.dagster_run
    now = instance.get_run_by_id(run.run_id)
    if now is not None and _is_its_own(now):
        return None  # its end was reported twice, or the daemon was killed after it told
    context.log.error(notice.text)
    instance.report_engine_event(notice.text, run)
    try:
        settings = read_notices(project.workspace().notices)
    except SloraError as error:
        _tag(instance, run, _ON_PAGE)
        context.log.error(str(error))
        return dg.SkipReason(str(error))
    told = object_hash([notice.job, notice.partition, notice.text])[:16]
    if not settings.ways:
        _tag(instance, run, _ON_PAGE)
        return None
    if _was_told(instance, told, settings):
        _tag(instance, run, _REPEATED)
        return None
    # Before it is posted: killed between the two, a notice is lost rather than posted twice.
    _tag(instance, run, told)
    wrong = deliver(notice, settings)
    for sentence in wrong:
        context.log.error(sentence)
    if len(wrong) == settings.ways:
        _tag(instance, run, _UNDELIVERED)
    return dg.SkipReason(" ".join(wrong)) if wrong else None


def _was_told(instance: dg.DagsterInstance, told: str, settings: NoticeSettings) -> bool:
    since = datetime.now(UTC) - timedelta(hours=settings.repeat_after_hours)
    filters = dg.RunsFilter(tags={NOTICE_TAG: told}, updated_after=since)
    return any(_is_its_own(run) for run in instance.get_runs(filters))


def _tag(instance: dg.DagsterInstance, run: dg.DagsterRun, notice: str) -> None:
    instance.add_run_tags(run.run_id, {NOTICE_TAG: notice, _NOTICE_OF: run.run_id})


def _is_its_own(run: dg.DagsterRun) -> bool:
    return run.tags.get(_NOTICE_OF) == run.run_id

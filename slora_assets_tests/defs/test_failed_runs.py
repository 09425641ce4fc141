"""A run that failed is told once: on its page always, elsewhere when that is configured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from slora_assets.config.errors import CurationError
from slora_assets.defs.failed_runs import NOTICE_TAG, failed_runs, failed_verification
from slora_assets.defs.project import ProjectResource
from slora_assets_tests.defs.receivers import Webhook, webhook
from slora_assets_tests.small_graph import prepare

_SENTENCE = "train of stage failed in made: too few clips; found 3. Remedy: add footage."
_PARTITIONS = dg.StaticPartitionsDefinition(["stage", "market_floor"])


@dg.asset(partitions_def=_PARTITIONS)
def made() -> None:
    """Fails as a stage of ours does."""
    raise CurationError("too few clips", found=3, remedy="add footage")


@dg.asset
def inference_presets() -> None:
    """Stands for what is served."""


@dg.asset_check(asset=inference_presets)
def presets_are_intact() -> dg.AssetCheckResult:
    """Finds something wrong."""
    return dg.AssetCheckResult(passed=False, description="market_floor's file is another")


@dg.asset_check(asset=inference_presets)
def summary_is_fresh() -> dg.AssetCheckResult:
    """Warns."""
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


_JOBS = dg.Definitions(
    [made, inference_presets],
    asset_checks=[presets_are_intact, summary_is_fresh],
    jobs=[
        dg.define_asset_job("train", [made]),
        dg.define_asset_job(
            "verify_served", dg.AssetSelection.checks_for_assets(inference_presets)
        ),
    ],
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a workspace that the sensors look at."""
    for name, value in prepare(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "configs"


@pytest.fixture
def posted(configs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """What arrives at the webhook that the workspace names."""
    (configs / "notices.yaml").write_text("schema_version: 1\nwebhook: {}\n")
    with webhook() as receiver:
        monkeypatch.setenv("SLORA_WEBHOOK_URL", receiver.url)
        monkeypatch.setattr("slora_assets.defs.notices._PAUSE_S", 0)
        yield receiver


def _run(
    instance: dg.DagsterInstance, job: str, partition: str | None
) -> dg.ExecuteInProcessResult:
    return _JOBS.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=partition, raise_on_error=False
    )


def _tell(instance: dg.DagsterInstance, done: dg.ExecuteInProcessResult) -> dg.SkipReason | None:
    """Have the sensor look at a run that ended, as the daemon would."""
    sensor = failed_verification if done.success else failed_runs
    ended = dg.DagsterEventType.RUN_SUCCESS if done.success else dg.DagsterEventType.RUN_FAILURE
    (event,) = (event for event in done.all_events if event.event_type == ended)
    with dg.build_run_status_sensor_context(
        sensor.name,
        event,
        instance,
        done.dagster_run,
        resources={"project": ProjectResource()},
    ) as context:
        said = sensor(context)
    assert said is None or isinstance(said, dg.SkipReason)
    return said


def _page(instance: dg.DagsterInstance, done: dg.ExecuteInProcessResult) -> list[str]:
    """What the run's page says of the engine."""
    of_engine = instance.get_records_for_run(
        done.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT
    ).records
    return [record.event_log_entry.get_dagster_event().message or "" for record in of_engine]


def test_a_failure_is_posted_once_and_stands_on_its_run_s_page(
    instance: dg.DagsterInstance, posted: Webhook
) -> None:
    done = _run(instance, "train", "stage")
    assert _tell(instance, done) is None
    assert _tell(instance, done) is None  # as after a daemon that was killed
    assert posted.bodies == [{"text": _SENTENCE}]
    assert _page(instance, done).count(_SENTENCE) == 1


def test_the_same_failure_of_another_run_is_posted_once_a_day_and_another_at_once(
    instance: dg.DagsterInstance, posted: Webhook, configs: Path
) -> None:
    for partition in ("stage", "stage", "market_floor"):
        assert _tell(instance, _run(instance, "train", partition)) is None
    assert [body["text"] for body in posted.bodies] == [
        _SENTENCE,
        _SENTENCE.replace("stage", "market_floor"),
    ]
    (configs / "notices.yaml").write_text("schema_version: 1\nrepeat_after_hours: 0\nwebhook: {}\n")
    _tell(instance, _run(instance, "train", "stage"))
    assert len(posted.bodies) == 3


def test_a_run_that_was_executed_again_is_told_though_it_inherits_the_tags(
    instance: dg.DagsterInstance, posted: Webhook
) -> None:
    posted.answers = [404, 200]
    first = _run(instance, "train", "stage")
    _tell(instance, first)
    parent = instance.get_run_by_id(first.run_id)
    assert parent is not None
    again = _JOBS.resolve_job_def("train").execute_in_process(
        instance=instance, partition_key="stage", raise_on_error=False, tags=dict(parent.tags)
    )
    assert _tell(instance, again) is None
    assert len(posted.bodies) == 2


def test_as_shipped_it_stands_on_the_page_and_nothing_is_posted(
    instance: dg.DagsterInstance, posted: Webhook, configs: Path
) -> None:
    (configs / "notices.yaml").unlink()
    done = _run(instance, "train", "stage")
    assert _tell(instance, done) is None
    assert posted.bodies == []
    assert _SENTENCE in _page(instance, done)


def test_what_could_not_be_delivered_is_said_once_and_the_next_failure_is_told(
    instance: dg.DagsterInstance, posted: Webhook
) -> None:
    posted.answers = [404, 200]
    done = _run(instance, "train", "stage")
    said = _tell(instance, done)
    assert said is not None and "the webhook answered 404" in str(said.skip_message)
    assert _tell(instance, done) is None
    assert len(posted.bodies) == 1
    run = instance.get_run_by_id(done.run_id)
    assert run is not None and run.tags[NOTICE_TAG] == "undelivered"
    assert _tell(instance, _run(instance, "train", "stage")) is None
    assert len(posted.bodies) == 2


def test_settings_that_can_t_be_read_are_said_and_stop_nothing(
    instance: dg.DagsterInstance, posted: Webhook, configs: Path
) -> None:
    (configs / "notices.yaml").write_text("schema_version: 1\nwebhooks: {}\n")
    done = _run(instance, "train", "stage")
    said = _tell(instance, done)
    assert said is not None and "did you mean 'webhook'?" in str(said.skip_message)
    assert _SENTENCE in _page(instance, done)
    assert _tell(instance, done) is None


def test_a_verification_that_found_something_is_told_though_its_run_succeeded(
    instance: dg.DagsterInstance, posted: Webhook
) -> None:
    done = _run(instance, "verify_served", None)
    assert done.success
    assert _tell(instance, done) is None
    assert [body["text"] for body in posted.bodies] == [
        "verify_served: check presets_are_intact of inference_presets did not pass:"
        " market_floor's file is another."
    ]


def test_the_daemon_s_tick_tells_of_what_failed_since_the_last(
    instance: dg.DagsterInstance, posted: Webhook
) -> None:
    _run(instance, "train", "market_floor")
    cursor = None
    for failing in ("market_floor", "stage", None):
        with dg.build_sensor_context(
            instance, cursor, resources={"project": ProjectResource()}
        ) as context:
            tick = failed_runs.evaluate_tick(context)
        cursor = tick.cursor
        if failing:
            _run(instance, "train", failing)
    # What failed before the sensor was first there is history.
    told = [str(body["text"]).split()[2] for body in posted.bodies]
    assert told == ["market_floor", "stage"]


def test_what_was_materialized_by_hand_is_named(
    instance: dg.DagsterInstance, posted: Webhook
) -> None:
    job = _JOBS.resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(
        instance=instance, partition_key="stage", raise_on_error=False, asset_selection=[made.key]
    )
    _tell(instance, done)
    (body,) = posted.bodies
    assert str(body["text"]).startswith("materializing made of stage failed in made: too few clips")

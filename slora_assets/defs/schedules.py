"""What is looked at every day, whether anything changed or not. Costs no accelerator.

Both schedules run unless a person stops them: they change nothing that anybody decides, and a
promise that is verified only where somebody remembered to switch it on is none.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.defs.project import ProjectResource
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.summary import SUMMARY_FILE

VERIFY_SERVED: Final = dg.define_asset_job(
    "verify_served",
    dg.AssetSelection.checks(
        dg.AssetCheckKey(dg.AssetKey("inference_presets"), "presets_are_intact"),
        dg.AssetCheckKey(dg.AssetKey("project_summary"), "summary_is_fresh"),
    ),
    description="Look again at what is served and at what is said of it; makes nothing.",
)

DAILY_SUMMARY: Final = dg.define_asset_job(
    "daily_summary",
    dg.AssetSelection.assets("project_summary"),
    description="Write the summary anew; leaves the presets alone.",
)

WRITTEN_DAILY: Final = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)
"""For what `daily_summary` writes: a warning when a day was missed, a failure when two were. It
says that the schedule works; whether the summary is right is what `summary_is_fresh` says."""


@dg.schedule(
    job=VERIFY_SERVED,
    cron_schedule="0 6 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=(
        "Every day at 06:00 UTC: is each promoted adapter still the one that was promoted, and does"
        " the summary say what runs and verdicts say? `failed_verification` tells when not."
    ),
)
def verify_served(project: ProjectResource) -> dg.RunRequest | dg.SkipReason:
    """Verify what is served; before anything is, there is nothing to look at."""
    workspace = project.workspace()
    try:
        presets = read_presets(workspace.presets).presets.values()
        served = any(preset.sha256 is not None for preset in presets)
    except SloraError:
        served = True  # what is wrong with the file, the check says
    if served or (workspace.summary / SUMMARY_FILE).is_file():
        return dg.RunRequest()
    return dg.SkipReason("nothing is promoted, and no summary has been made yet")


@dg.schedule(
    job=DAILY_SUMMARY,
    cron_schedule="30 5 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day at 05:30 UTC: write the summary of runs and verdicts anew.",
)
def daily_summary(project: ProjectResource) -> dg.RunRequest | dg.SkipReason:
    """Write the summary, once there is something to sum up."""
    if project.workspace().scenario_metadata.is_file():
        return dg.RunRequest()
    return dg.SkipReason("there are no metadata yet; run `data`")

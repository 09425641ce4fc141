"""What updates itself while its sensor is on: assets and checks that need no accelerator.

What does need one is started by a person: a job, `dg launch`, a backfill, or by switching on
`new_footage`.
"""

import dagster as dg

_ASSETS = (
    "scenario_manifest",
    "first_frames",
    "scenario_report",
    "unified_report",
    "project_summary",
    "project_report",
)
_CHECKS = (
    ("scenario_adapter", "adapter_is_current"),
    ("scenario_validation", "verdict_is_current"),
)
"""What carries a condition on changed inputs."""

automatic_updates = dg.AutomationConditionSensorDefinition(
    "automatic_updates",
    target=dg.AssetSelection.assets(*_ASSETS).without_checks()
    | dg.AssetSelection.checks(
        *(dg.AssetCheckKey(dg.AssetKey(asset), check) for asset, check in _CHECKS)
    ),
    default_status=dg.DefaultSensorStatus.STOPPED,
    minimum_interval_seconds=30,
    description=(
        "Makes manifests, first frames, the pages of judged runs and the summary anew when the"
        " content of what they are made of changed, and looks whether adapters and verdicts are"
        " still current. Nothing here needs an accelerator, and nothing is trained, judged or"
        " promoted by it: a person starts that,"
        " or lets `new_footage` start it."
    ),
)

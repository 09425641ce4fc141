"""Is what is served still what was promoted, and does the roll-up say what is so?"""

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.defs.project import ProjectResource
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.registry import open_registered
from slora_assets.deployment.summary import outdated_rows


@dg.asset_check(asset="inference_presets")
def presets_are_intact(project: ProjectResource) -> dg.AssetCheckResult:
    """Each promoted adapter is in the registry and has the recorded hash."""
    workspace = project.workspace()
    broken: dict[str, str] = {}
    for name, preset in read_presets(workspace.presets).presets.items():
        if preset.adapter is None or preset.sha256 is None:
            continue
        try:
            open_registered(workspace, preset.adapter, preset.sha256)
        except SloraError as error:
            broken[name] = str(error)
    return dg.AssetCheckResult(passed=not broken, metadata={"broken": broken})


@dg.asset_check(asset="project_summary")
def summary_is_fresh(project: ProjectResource) -> dg.AssetCheckResult:
    """The roll-up says of each scenario what its run and verdict say now."""
    outdated = outdated_rows(project.workspace())
    return dg.AssetCheckResult(
        passed=not outdated,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"outdated": outdated, "remedy": "materialize project_summary"},
    )

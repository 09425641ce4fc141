"""Is what is served still what was promoted, and does the roll-up say what is so?"""

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.defs.checks.looks import look
from slora_assets.defs.checks.sentences import counted, some
from slora_assets.defs.project import ProjectResource
from slora_assets.deployment.permission import admitted_use
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.registry import open_registered
from slora_assets.deployment.signed import refuse_unsigned
from slora_assets.deployment.strengths import checked_promotion
from slora_assets.deployment.summary import SUMMARY_FILE, outdated_rows
from slora_assets.provenance import read_json


@look("inference_presets")
def presets_are_intact(
    _: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each promoted adapter is in the registry, has the recorded hash, stands in the change log as
    promoted, may be asked for no strength that the gate did not let through, promises no use that a
    licence of its parents, as it is known now, doesn't allow, and is signed as it stands."""
    workspace = project.workspace()
    promoted, broken = 0, dict[str, str]()
    presets = read_presets(workspace.presets)
    for name, preset in presets.presets.items():
        if preset.adapter is None or preset.sha256 is None:
            continue
        promoted += 1
        try:
            open_registered(workspace, preset.adapter, preset.sha256)
            change = checked_promotion(workspace, name, preset)
            assert change is not None, "there is an adapter"
            admitted_use(workspace, workspace.registry / preset.sha256, preset.use)
            refuse_unsigned(workspace, presets, name, change)
        except SloraError as error:
            broken[name] = str(error)
    said = (
        f"{promoted - len(broken)} of {counted(promoted, 'promoted adapter', 'promoted adapters')}"
        " are in the registry with the recorded hash, and signed."
        if promoted
        else "No adapter is promoted."
    )
    return dg.AssetCheckResult(
        passed=not broken,
        description=" ".join([said, *broken.values()]),
        metadata={"promoted": promoted, "broken": broken},
    )


@look("project_summary")
def summary_is_fresh(
    _: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The roll-up says of each scenario what its run and verdict say now."""
    workspace = project.workspace()
    outdated = outdated_rows(workspace)
    written = read_json(workspace.summary / SUMMARY_FILE, remedy="run `make summary`")
    assert isinstance(written, dict)
    rows = len(written["rows"])
    said = (
        f"{rows - len(outdated)} of {rows} rows of the summary say what runs and verdicts say now"
    )
    if outdated:
        said += f"; not so: {some(outdated)}. Remedy: materialize project_summary"
    return dg.AssetCheckResult(
        passed=not outdated,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{said}.",
        metadata={"rows": rows, "outdated": outdated},
    )

"""Dagster's view of deployment: what is served, changed only by a person, and the roll-up."""

from pathlib import Path
from typing import Any, Literal, Self

import dagster as dg
from pydantic import model_validator

from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets.defs import groups
from slora_assets.defs.configuration import read_by
from slora_assets.defs.media import CLIP_LIMIT, PAGE_LIMIT, side_by_side
from slora_assets.defs.metadata import ON_CHANGED_INPUT_OF_ANY, ROWS, standing_at
from slora_assets.defs.origin import on_record
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.schedules import WRITTEN_DAILY
from slora_assets.deployment.permission import preset_use
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import demote, promote
from slora_assets.deployment.summary import summarise, summary_lines, summary_text
from slora_assets.provenance import object_hash, sha256_file


class PresetChange(dg.Config):
    """What to do with the presets. `show` changes nothing; the other two want a person."""

    action: Literal["show", "promote", "demote"] = "show"
    """What to do."""
    scenario: str = ""
    """Whose preset changes."""
    by: str = ""
    """Who decides."""
    reason: str = ""
    """Why."""
    scale: float | None = None
    """Strength to serve at; nothing: the best of those that the gate let through."""
    use: Literal["most", "research", "non-commercial", "commercial"] = "most"
    """What for; `most`: as much as the licences of its parents allow."""
    override_inconclusive: bool = False
    """Let an inconclusive verdict through; recorded as such. A failed one never passes."""

    @model_validator(mode="after")
    def _signed(self) -> Self:
        blank = [key for key in ("scenario", "by", "reason") if not getattr(self, key).strip()]
        if self.action != "show" and blank:
            # No ValueError: pydantic would wrap the sentence in lines of its own.
            raise ConfigError(
                f"to {self.action} an adapter takes a scenario, a person and a reason",
                key=", ".join(blank),
                found="",
                expected="text that isn't blank",
                remedy="fill it in where the run is launched, under"
                " ops.inference_presets.config, or use `slora promote` and `slora demote`",
            )
        return self


@dg.asset(
    group_name=groups.SERVED,
    kinds={"yaml"},
    owners=groups.RELEASE_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.presets),
    code_version="1",
    deps=["scenario_validation", "serving_settings"],
)
def inference_presets(
    context: dg.AssetExecutionContext, config: PresetChange, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """The adapters that may be served. Promotion re-verifies the verdict itself, because a check
    gates only the run it is in.

    How an adapter gets here: `docs/howto/reading_a_verdict.md`; the file's keys:
    `docs/settings.md`.
    """
    workspace = project.workspace()
    if config.action == "promote":
        promote(
            workspace,
            config.scenario,
            config.by,
            config.reason,
            config.override_inconclusive,
            config.scale,
            None if config.use == "most" else config.use,
        )
    elif config.action == "demote":
        demote(workspace, config.scenario, config.by, config.reason)
    read = read_by(context, project, "serving_settings")  # as the change above has left it
    presets = read_presets(workspace.presets)
    promoted = {name: p.sha256 for name, p in presets.presets.items() if p.sha256 is not None}
    context.log.info(f"promoted: {', '.join(promoted) or 'nothing yet'}")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256_file(workspace.presets)),
        tags=read,
        metadata={
            ROWS: len(presets.presets),
            "promoted": {name: str(sha256) for name, sha256 in promoted.items()},
            "uses": {
                name: str(preset_use(workspace, name, presets.presets[name])) for name in promoted
            },
            **on_record(workspace, workspace.changelog),
            "file": dg.MetadataValue.path(workspace.presets),
        },
    )


@dg.asset(
    group_name=groups.SERVED,
    kinds={"report"},
    owners=groups.RELEASE_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.summary / "summary.md"),
    code_version="1",
    deps=["scenario_validation", "unified_validation"],
    automation_condition=ON_CHANGED_INPUT_OF_ANY,
    freshness_policy=WRITTEN_DAILY,
)
def project_summary(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """The project's page: one row per scenario with scores of base and adapter, verdict, a clip of
    each side, and where the evidence lies.

    What the scores mean: `docs/howto/reading_a_verdict.md`.
    """
    workspace = project.workspace()
    document = summarise(workspace)
    for line in summary_lines(document):
        context.log.info(line)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(object_hash(document)),
        metadata={
            ROWS: len(document["rows"]),
            "summary": dg.MetadataValue.md(summary_text(document)),
            "clips": dg.MetadataValue.md(_clips(workspace, document["rows"])),
            "file": dg.MetadataValue.path(workspace.summary / "summary.md"),
        },
    )


def _clips(workspace: Workspace, rows: dict[str, dict[str, Any]]) -> str:
    """For each judged run a clip of its base beside the adapter's of the same prompt and seed."""
    judged = {name: row for name, row in rows.items() if "base_scores" in row}
    limit = min(CLIP_LIMIT, PAGE_LIMIT // max(1, len(judged)))
    shown = []
    for name, row in judged.items():
        samples = workspace.validation(name) / "samples"
        pair = _first_pair(samples / "base", samples / "adapter")
        if pair is not None:
            picture = side_by_side(*pair, f"{pair[0].stem}: base, adapter", limit)
            shown.append(f"**{name}** ({row['state']}): base left, adapter right\n\n{picture}")
    return "\n\n".join(shown) or "No run has been judged yet."


def _first_pair(base: Path, adapter: Path) -> tuple[Path, Path] | None:
    """The first clip that both sides have."""
    for clip in sorted(base.glob("*.mp4")):
        if (adapter / clip.name).is_file():
            return clip, adapter / clip.name
    return None

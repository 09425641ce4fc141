"""Are the cached frames, moments and embeddings what training, validation and people expect?"""

from typing import TYPE_CHECKING

import dagster as dg

from slora_assets.base_models.catalogue import open_base
from slora_assets.curation.manifest import scenario_manifest
from slora_assets.defs.checks.looks import look
from slora_assets.defs.checks.sentences import counted, some, some_of
from slora_assets.defs.metadata import scenario_of
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.footage.quarantine import read_quarantine

if TYPE_CHECKING:
    from slora_assets.caches.inspection import Inspected


@look("first_frames", partitions_def=SCENARIOS)
def frames_are_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each first frame is a 720x480 RGB picture that opens."""
    from slora_assets.caches.first_frames import HEIGHT, WIDTH, damaged_frames, indexed_frames

    workspace = project.workspace()
    index = workspace.first_frame_index(scenario_of(context))
    wrong = damaged_frames(index, workspace.frames(project.dataset()[0].name))
    made = indexed_frames(index)
    said = (
        f"{made - len(wrong)} of {made} first frames are {WIDTH}x{HEIGHT} RGB pictures with the"
        " bytes that were made"
    )
    if wrong:
        said += f"; not so: {some(wrong)}. Remedy: materialize first_frames"
    return dg.AssetCheckResult(
        passed=not wrong, description=f"{said}.", metadata={"frames": made, "wrong": wrong}
    )


@look("latents", blocking=True, partitions_def=SCENARIOS)
def latents_are_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each clip that isn't quarantined has moments with the right key, finite, of the base's
    shape."""
    from slora_assets.caches.inspection import inspect_latents

    workspace = project.workspace()
    base = open_base(project.training().base_model, workspace.models)
    usable = scenario_manifest(workspace, scenario_of(context)).usable()
    bad = read_quarantine(workspace.quarantine)
    read = [clip for clip in usable if bad.of(clip) is None]
    found = inspect_latents(read, base, workspace.root, project.dataset()[0].shard_mib)
    return _said(found, "moments", "latents", len(usable) - len(read))


@look("prompt_embeddings", blocking=True, partitions_def=SCENARIOS)
def embeddings_are_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each prompt that training or validation reads has an embedding with the right key, finite, of
    the base's shape."""
    from slora_assets.caches.inspection import inspect_text
    from slora_assets.caches.scenario import prompts_read

    workspace = project.workspace()
    base = open_base(project.training().base_model, workspace.models)
    scenario = scenario_of(context)
    clips = scenario_manifest(workspace, scenario).usable()
    prompts = prompts_read(project.prompts(), scenario, clips)
    shard_mib = project.dataset()[0].shard_mib
    found = inspect_text(prompts, base, workspace.text_embeddings, shard_mib)
    return _said(found, "embeddings", "prompt_embeddings", 0)


def _said(found: "Inspected", what: str, asset: str, quarantined: int) -> dg.AssetCheckResult:
    right = found.looked_at - len(found.wrong)
    said = (
        f"{right} of {found.looked_at} {what} have the right key, are finite and of shape"
        f" {found.shape}"
    )
    if quarantined:
        said += f"; {counted(quarantined, 'clip is', 'clips are')} in quarantine"
    if found.wrong:
        said += f"; {some_of(found.wrong)}. Remedy: materialize {asset}, or run `make preprocess`"
    return dg.AssetCheckResult(
        passed=not found.wrong,
        description=f"{said}.",
        metadata={
            "looked_at": found.looked_at,
            "right": right,
            "quarantined": quarantined,
            "shape": str(found.shape),
            "wrong": found.wrong,
        },
    )

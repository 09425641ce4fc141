"""Are the cached frames and moments what training and people expect?"""

import dagster as dg

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.first_frames import damaged_frames
from slora_assets.caches.validity import Verified, latent_key
from slora_assets.config.errors import SloraError
from slora_assets.curation.manifest import scenario_manifest
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.footage.quarantine import read_quarantine


@dg.asset_check(asset="first_frames", partitions_def=SCENARIOS)
def frames_are_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each first frame is a 720x480 RGB picture that opens."""
    workspace = project.workspace()
    folder = workspace.frames(project.dataset()[0].name)
    wrong = damaged_frames(workspace.first_frame_index(context.partition_key), folder)
    return dg.AssetCheckResult(passed=not wrong, metadata={"wrong": ", ".join(wrong)})


@dg.asset_check(asset="latents", blocking=True, partitions_def=SCENARIOS)
def latents_are_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each clip that isn't quarantined has moments with the right key, finite, of one shape."""
    workspace = project.workspace()
    base = open_base(project.training().base_model, workspace.models)
    identity, bad = base.identity(), read_quarantine(workspace.quarantine)
    wrong: dict[str, str] = {}
    shapes = set()
    verified = Verified(workspace.latents / context.partition_key, "moments")
    for clip in scenario_manifest(workspace, context.partition_key).usable():
        if (clip.id, clip.sha256) in bad:
            continue
        key = latent_key(clip, identity, base.geometry)
        try:
            shapes.add(verified.shape(workspace.root / clip.latent, key, "run `make preprocess`"))
        except SloraError as error:
            wrong[clip.id] = error.what
    verified.save()
    return dg.AssetCheckResult(
        passed=not wrong and len(shapes) <= 1,
        metadata={"wrong": wrong, "shapes": ", ".join(str(shape) for shape in sorted(shapes))},
    )

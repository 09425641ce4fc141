"""Are the cached moments what training expects?"""

import dagster as dg

from slora_assets.base_models.registry import open_base
from slora_assets.config.errors import SloraError
from slora_assets.curation.manifest import scenario_clips
from slora_assets.footage.quarantine import read_quarantine
from slora_assets.latents.cache import Verified, latent_key
from slora_assets.partitions import SCENARIOS
from slora_assets.resources.project import ProjectResource


@dg.asset_check(asset="latents", blocking=True, partitions_def=SCENARIOS)
def latents_are_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each clip that isn't quarantined has moments with the right key, finite, of one shape."""
    workspace = project.workspace()
    clips, _ = scenario_clips(workspace, context.partition_key)
    base = open_base(project.training().base_model, workspace.models)
    identity, bad = base.identity(), read_quarantine(workspace.quarantine)
    wrong: dict[str, str] = {}
    shapes = set()
    verified = Verified(workspace.latents / context.partition_key, "moments")
    for clip in clips:
        if clip.split == "test" or (clip.id, clip.sha256) in bad:
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

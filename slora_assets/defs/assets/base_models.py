"""Dagster's view of the base: which weights everything below depends on."""

import dagster as dg

from slora_assets.base_models.catalogue import MINIATURE, miniature_folder, open_base
from slora_assets.defs.project import ProjectResource
from slora_assets.provenance import object_hash


@dg.asset(group_name="models", kinds={"huggingface"}, code_version="1")
def base_model(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """The text-to-video base that the active recipe names, and the scorer beside the miniature."""
    workspace, settings = project.workspace(), project.training()
    for kind, wanted in (("base", settings.base_model), ("scorer", settings.scorer)):
        folder = miniature_folder(workspace.models, kind)
        if wanted == MINIATURE and not (folder / "slora.json").is_file():
            from slora_assets.miniature.weights.build import build_base, build_scorer

            context.log.info(f"building the miniature's {kind}")
            (build_base if kind == "base" else build_scorer)(folder)
    base = open_base(settings.base_model, workspace.models)
    identity = base.identity()
    if not identity.trained:
        context.log.warning("the base is not fully trained: no verdict rests on its scores")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(object_hash(identity.model_dump(mode="json"))),
        metadata={
            "name": identity.name,
            "revision": identity.revision,
            "licence": identity.licence,
            "trained": identity.trained,
            "geometry": base.geometry.model_dump(mode="json"),
            "parts": dict(identity.parts),
        },
    )

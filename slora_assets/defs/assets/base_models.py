"""Dagster's view of the base: which weights everything below depends on."""

from pathlib import Path

import dagster as dg

from slora_assets.base_models.catalogue import MINIATURE, miniature_folder, open_base
from slora_assets.config.workspace import Workspace
from slora_assets.defs import groups
from slora_assets.defs.configuration import read_by
from slora_assets.defs.metadata import base_hash
from slora_assets.defs.project import ProjectResource


@dg.asset(
    group_name=groups.ENCODING,
    kinds={"pytorch"},
    owners=groups.TRAINING_TEAM,
    tags=groups.CPU,
    code_version="1",
    deps=["base_settings"],
)
def base_model(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """The text-to-video base that the active recipe names, and the scorer beside the miniature.

    Its data version is the hash of all that the base says of itself, weights included. Which bases
    there are: `docs/base_models.md`; the miniature: `docs/miniature.md`.
    """
    read = read_by(context, project, "base_settings")
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
        data_version=dg.DataVersion(base_hash(identity)),
        tags=read,
        metadata={
            "name": identity.name,
            "source": _source(settings.base_model, workspace),
            "revision": identity.revision,
            "licence": identity.licence,
            "trained": identity.trained,
            "geometry": base.geometry.model_dump(mode="json"),
            "parts": dict(identity.parts),
        },
    )


def _source(name: str, workspace: Workspace) -> str:
    """Where the base that a recipe names comes from."""
    if name == MINIATURE:
        built = miniature_folder(workspace.models, "base").is_relative_to(workspace.models)
        return "slora's miniature, " + ("built in this workspace" if built else "shipped with it")
    return f"folder {name}" if Path(name).is_dir() else f"Hugging Face, {name}"

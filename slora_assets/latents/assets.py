"""Dagster's view of the caches: moments of clips and embeddings of prompts."""

from collections.abc import Callable

import dagster as dg

from slora_assets.assets_common import progress, reject_table
from slora_assets.base_models.registry import open_base
from slora_assets.curation.manifest import scenario_clips
from slora_assets.curation.metadata import Clip
from slora_assets.footage.first_frames import CacheResult
from slora_assets.latents.stage import cache_latents, cache_text
from slora_assets.partitions import SCENARIOS
from slora_assets.resources.project import ProjectResource
from slora_assets.validation.prompts import prompts_of


def _cache(make: Callable[..., dg.MaterializeResult[None]]) -> dg.AssetsDefinition:
    """An asset that encodes what a scenario's training and validation read with the base."""
    return dg.asset(
        group_name="caches",
        kinds={"numpy"},
        code_version="1",
        partitions_def=SCENARIOS,
        deps=["scenario_manifest", "base_model"],
        pool="gpu",
    )(make)


@_cache
def latents(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """VAE moments of each clip; a cached one is reused only if everything it depends on is the
    same."""
    workspace = project.workspace()
    clips = _learnt_from(scenario_clips(workspace, context.partition_key)[0])
    base = open_base(project.training().base_model, workspace.models)
    result = cache_latents(
        clips, base, workspace.root, workspace.quarantine, project.torch_device,
        progress(context, "latents"),
    )  # fmt: skip
    context.log.info(f"latents: {result.made} made, {result.kept} kept")
    folder = workspace.latents / context.partition_key
    return _result(result, {"folder": dg.MetadataValue.path(folder)})


@_cache
def prompt_embeddings(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Text-encoder output of each training and validation prompt."""
    workspace, scenario = project.workspace(), context.partition_key
    clips = _learnt_from(scenario_clips(workspace, scenario)[0])
    prompts = [prompt for clip in clips for prompt in clip.prompts]
    prompts += [prompt.text for prompt in prompts_of(project.prompts(), scenario, clips)]
    base = open_base(project.training().base_model, workspace.models)
    result = cache_text(
        prompts, base, workspace.text_embeddings, project.torch_device,
        progress(context, "prompts embedded"),
    )  # fmt: skip
    context.log.info(f"embeddings: {result.made} made, {result.kept} kept")
    return _result(result, {"folder": dg.MetadataValue.path(workspace.text_embeddings)})


def _learnt_from(clips: list[Clip]) -> list[Clip]:
    """Clips that training or its validation reads; official test clips are never encoded."""
    return [clip for clip in clips if clip.split != "test"]


def _result(result: CacheResult, more: dict[str, dg.MetadataValue]) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        data_version=dg.DataVersion(result.hash),
        metadata={
            "made": result.made,
            "kept": result.kept,
            "cache": "hit" if result.made == 0 else "miss",
            "quarantined": len(result.quarantined),
            "rejects": reject_table([(r.clip_id, r.reason, r.detail) for r in result.quarantined]),
            **more,
        },
    )

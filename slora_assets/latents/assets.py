"""Dagster's view of the caches: moments of clips and embeddings of prompts."""

import sys
from collections.abc import Callable

import dagster as dg

from slora_assets.assets_common import reject_table
from slora_assets.footage.first_frames import CacheResult
from slora_assets.latents.command import RESULT
from slora_assets.latents.scenario import CacheName, ScenarioCache
from slora_assets.partitions import SCENARIOS
from slora_assets.resources.compute import ComputeResource
from slora_assets.resources.project import ProjectResource


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
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """VAE moments of each clip; a cached one is reused only if everything it depends on is the
    same."""
    return _made(context, project, compute, "latents")


@_cache
def prompt_embeddings(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """Text-encoder output of each training and validation prompt."""
    return _made(context, project, compute, "embeddings")


def _made(
    context: dg.AssetExecutionContext,
    project: ProjectResource,
    compute: ComputeResource,
    name: CacheName,
) -> dg.MaterializeResult[None]:
    """Launch the caching worker unless all stands, and report what it did."""
    workspace = project.workspace()
    cache = ScenarioCache(name, workspace, context.partition_key)
    result = cache.standing()
    if result is None:
        command = [sys.executable, "-m", "slora_assets.latents.command", name]
        command += ["--scenario", context.partition_key]
        command += ["--device", project.device] if project.device else []
        handed_over = compute.run(context, command, str(workspace.configs.parent))
        result = RESULT.validate_python(handed_over)
    context.log.info(f"{name}: {result.made} made, {result.kept} kept")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(result.hash), metadata=_metadata(result, cache)
    )


def _metadata(result: CacheResult, cache: ScenarioCache) -> dict[str, dg.MetadataValue | int | str]:
    rejects = [(clip.clip_id, clip.reason, clip.detail) for clip in result.quarantined]
    return {
        "made": result.made,
        "kept": result.kept,
        "cache": "hit" if result.made == 0 else "miss",
        "quarantined": len(result.quarantined),
        "rejects": reject_table(rejects),
        "folder": dg.MetadataValue.path(cache.folder),
    }

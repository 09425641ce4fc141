"""What is made of a scenario's clips and prompts once, and read again and again."""

from collections.abc import Callable

import dagster as dg

from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.result import CacheResult
from slora_assets.caches.scenario import CacheName, ScenarioCache
from slora_assets.curation.manifest import scenario_manifest
from slora_assets.defs.compute import ComputeResource
from slora_assets.defs.metadata import ON_CHANGED_INPUTS, log_progress, picture, reject_table
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource


@dg.asset(
    group_name="data",
    kinds={"png"},
    code_version="1",
    partitions_def=SCENARIOS,
    deps=["scenario_manifest"],
    automation_condition=ON_CHANGED_INPUTS,
)
def first_frames(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """A 720x480 PNG of each clip's first frame."""
    workspace, scenario = project.workspace(), context.partition_key
    clips = scenario_manifest(workspace, scenario).clips
    result = cache_first_frames(
        clips,
        workspace.root,
        workspace.first_frame_index(scenario),
        workspace.quarantine,
        log_progress(context, "first frames"),
    )
    context.log.info(f"first frames: {result.made} made, {result.kept} kept")
    shown = workspace.root / clips[0].first_frame
    return dg.MaterializeResult(
        data_version=dg.DataVersion(result.hash),
        metadata={
            "made": result.made,
            "kept": result.kept,
            "cache": "hit" if result.made == 0 else "miss",
            "quarantined": len(result.quarantined),
            "rejects": reject_table(result.quarantined),
            "folder": dg.MetadataValue.path(shown.parent),
            **({"example": picture(shown, clips[0].id)} if shown.is_file() else {}),
        },
    )


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
    cache = ScenarioCache(name, project.workspace(), context.partition_key)
    result = cache.standing()
    if result is None:
        arguments = [name, "--scenario", context.partition_key]
        arguments += ["--device", project.device] if project.device else []
        handed_over = compute.run(context, "slora_assets.caches.command", arguments)
        result = CacheResult.model_validate(handed_over)
    context.log.info(f"{name}: {result.made} made, {result.kept} kept")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(result.hash), metadata=_metadata(result, cache)
    )


def _metadata(result: CacheResult, cache: ScenarioCache) -> dict[str, dg.MetadataValue | int | str]:
    return {
        "made": result.made,
        "kept": result.kept,
        "cache": "hit" if result.made == 0 else "miss",
        "quarantined": len(result.quarantined),
        "rejects": reject_table(result.quarantined),
        "folder": dg.MetadataValue.path(cache.folder),
    }

"""What is made of a scenario's clips and prompts once, and read again and again."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.result import CacheResult
from slora_assets.config.compute import chosen_compute
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import scenario_manifest
from slora_assets.defs import groups
from slora_assets.defs.compute import ComputeResource
from slora_assets.defs.configuration import read_by
from slora_assets.defs.data_versions import DATA_VERSION, last_materialization
from slora_assets.defs.media import FRAMES_LIMIT, strip
from slora_assets.defs.metadata import (
    ON_CHANGED_INPUTS,
    PARTITION_ROWS,
    Value,
    base_entries,
    log_progress,
    scenario_of,
    standing_at,
)
from slora_assets.defs.origin import on_record
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.tables import reject_table
from slora_assets.footage.versions import DECODE_VERSION
from slora_assets.provenance.ledger import put_on_record

if TYPE_CHECKING:
    from slora_assets.caches.scenario import CacheName


@dg.asset(
    group_name=groups.DATA,
    kinds={"file"},
    owners=groups.FOOTAGE_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.metadata / "first_frames"),
    code_version=f"decode {DECODE_VERSION}",
    partitions_def=SCENARIOS,
    deps=["scenario_manifest"],
    automation_condition=ON_CHANGED_INPUTS,
)
def first_frames(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """A 720x480 PNG of each clip's first frame.

    What people judge an adapter's clips beside: each validation shows some of them. What a frame is
    made of: `docs/architecture.md`.
    """
    from slora_assets.caches.first_frames import cache_first_frames

    workspace, scenario = project.workspace(), scenario_of(context)
    manifest = scenario_manifest(workspace, scenario)
    index = workspace.first_frame_index(scenario)
    if chosen_compute() == "local":
        progress = log_progress(context, "first frames")
        result = cache_first_frames(
            manifest.clips, workspace.root, index, workspace.quarantine, progress
        )
    else:
        arguments = ["first_frames", "--scenario", scenario]
        # No resource of this asset: it would have decoders wait for models that they don't need.
        driver = ComputeResource(fork_workers=False)
        handed_over = driver.spread(context, "slora_assets.caches.command", arguments)
        result = CacheResult.model_validate(handed_over)
    put_on_record(workspace, "first_frames", index, parents=[workspace.manifest(scenario)])
    context.log.info(result.told("first frames"))
    for clip, marks in result.generated.items():
        context.log.warning(f"{clip} is a generated video, as its pixels show: {marks}")
    frames = [workspace.absolute(clip.first_frame) for clip in manifest.clips]
    examples = _examples(context, frames, result.hash)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(result.hash),
        metadata={
            **_counts(result, frames[0].parent),
            "dataset_hash": manifest.dataset_hash,
            **on_record(workspace, index),
            **({"generated": dict(result.generated)} if result.generated else {}),
            **({"examples": examples} if examples else {}),
        },
    )


def _examples(
    context: dg.AssetExecutionContext, frames: list[Path], version: str
) -> dg.MetadataValue[str] | None:
    """Some of the frames in one picture, if there are any; as last shown where nothing has changed
    since: to draw it takes longer than to look through thousands of frames."""
    last = last_materialization(context.instance, "first_frames", context.partition_key)
    if last is not None and (last.tags or {}).get(DATA_VERSION) == version:
        shown = last.metadata.get("examples")
        if isinstance(shown, dg.MarkdownMetadataValue):
            return shown
    there = [frame for frame in frames if frame.is_file()]
    if not there:
        return None
    return strip(there, f"first frames of {context.partition_key}", FRAMES_LIMIT)


def _cache(
    folder: Callable[[Workspace], Path], code_version: str, *settings: str
) -> Callable[[Callable[..., dg.MaterializeResult[None]]], dg.AssetsDefinition]:
    """An asset that encodes what a scenario's training and validation read with the base."""
    return dg.asset(
        group_name=groups.ENCODING,
        kinds={"pytorch", "numpy"},
        owners=groups.TRAINING_TEAM,
        tags=groups.ACCELERATOR,
        metadata=standing_at(folder),
        code_version=code_version,
        partitions_def=SCENARIOS,
        deps=["scenario_manifest", "base_model", *settings],
        pool=groups.POOL,
    )


@_cache(lambda workspace: workspace.latents, f"decode {DECODE_VERSION}")
def latents(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """VAE moments of each clip; a cached one is reused only if everything it depends on is the
    same.

    What a key holds and what is kept: `docs/architecture.md`.
    """
    return _made(context, project, compute, "latents", {})


@_cache(lambda workspace: workspace.text_embeddings, "1", "prompt_settings")
def prompt_embeddings(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: ComputeResource
) -> dg.MaterializeResult[None]:
    """Text-encoder output of each training and validation prompt, and of the empty one.

    What a key holds and what is kept: `docs/architecture.md`.
    """
    read = read_by(context, project, "prompt_settings")
    return _made(context, project, compute, "embeddings", read)


def _made(
    context: dg.AssetExecutionContext,
    project: ProjectResource,
    compute: ComputeResource,
    name: "CacheName",
    read: dict[str, str],
) -> dg.MaterializeResult[None]:
    """Launch the caching worker unless all stands, and report what it did."""
    from slora_assets.caches.scenario import ScenarioCache

    workspace, scenario = project.workspace(), scenario_of(context)
    record = "latents" if name == "latents" else "prompt_embeddings"
    cache = ScenarioCache(name, workspace, scenario)
    result = cache.standing()
    if result is None:
        arguments = [name, "--scenario", scenario]
        arguments += ["--device", project.device] if project.device else []
        launch = compute.spread if name == "latents" else compute.run
        handed_over = launch(context, "slora_assets.caches.command", arguments)
        result = CacheResult.model_validate(handed_over)
    context.log.info(result.told(name))
    base = open_base(project.training().base_model, workspace.models)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(result.hash),
        tags=read,
        metadata={
            **_counts(result, cache.folder),
            "dataset_hash": scenario_manifest(workspace, scenario).dataset_hash,
            **base_entries(base.identity()),
            **on_record(workspace, workspace.cache_index(record, scenario)),
        },
    )


def _counts(result: CacheResult, folder: Path) -> dict[str, Value]:
    return {
        PARTITION_ROWS: result.made + result.kept,
        "made": result.made,
        "kept": result.kept,
        "cache": "hit" if result.made == 0 else "miss",
        "quarantined": len(result.quarantined),
        "rejects": reject_table(result.quarantined),
        "folder": dg.MetadataValue.path(folder),
    }

"""The asset graph's table of contents, and nothing else."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from slora_assets.automation import new_footage
from slora_assets.base_models.assets import base_model
from slora_assets.curation.assets import scenario_manifest_asset, scenario_metadata
from slora_assets.curation.checks import splits_do_not_leak
from slora_assets.deployment.assets import inference_presets, project_summary
from slora_assets.deployment.checks import presets_are_intact, summary_is_fresh
from slora_assets.footage.assets import first_frames, footage
from slora_assets.footage.checks import frames_are_whole
from slora_assets.jobs import JOBS
from slora_assets.latents.assets import latents, prompt_embeddings
from slora_assets.latents.checks import latents_are_whole
from slora_assets.resources.compute import ComputeResource
from slora_assets.resources.project import ProjectResource
from slora_assets.training.assets import scenario_adapter, unified_adapter
from slora_assets.training.checks import scenario_export_is_proven, unified_export_is_proven
from slora_assets.validation.assets import scenario_validation, unified_validation
from slora_assets.validation.checks import gate_passes, samples_move


def build_defs(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole graph; `resource_overrides` replace resources by name (tests, other machines)."""
    return dg.Definitions(
        assets=[
            footage,
            scenario_metadata,
            scenario_manifest_asset,
            first_frames,
            base_model,
            prompt_embeddings,
            latents,
            scenario_adapter,
            scenario_validation,
            unified_adapter,
            unified_validation,
            inference_presets,
            project_summary,
        ],
        asset_checks=[
            splits_do_not_leak,
            frames_are_whole,
            latents_are_whole,
            scenario_export_is_proven,
            unified_export_is_proven,
            gate_passes,
            samples_move,
            presets_are_intact,
            summary_is_fresh,
        ],
        jobs=JOBS,
        sensors=[new_footage],
        resources={"project": ProjectResource(), "compute": ComputeResource()}
        | dict(resource_overrides or {}),
        executor=dg.in_process_executor,
    )


defs = build_defs()

"""The asset graph's table of contents, and nothing else."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from slora_assets.defs.assets.base_models import base_model
from slora_assets.defs.assets.caches import first_frames, latents, prompt_embeddings
from slora_assets.defs.assets.configuration import CONFIGURATION
from slora_assets.defs.assets.curation import scenario_manifest, scenario_metadata
from slora_assets.defs.assets.deployment import inference_presets, project_summary
from slora_assets.defs.assets.footage import footage
from slora_assets.defs.assets.reports import project_report, scenario_report, unified_report
from slora_assets.defs.assets.training import scenario_adapter, unified_adapter
from slora_assets.defs.assets.validation import (
    scale_sweep,
    scenario_validation,
    unified_validation,
)
from slora_assets.defs.automation import automatic_updates
from slora_assets.defs.checks.caches import (
    embeddings_are_whole,
    frames_are_whole,
    latents_are_whole,
)
from slora_assets.defs.checks.curation import splits_do_not_leak
from slora_assets.defs.checks.deployment import presets_are_intact, summary_is_fresh
from slora_assets.defs.checks.freshness import adapter_is_current, verdict_is_current
from slora_assets.defs.checks.looks import bundled
from slora_assets.defs.checks.provenance import RECORDS_VERIFY
from slora_assets.defs.checks.training import scenario_export_is_proven, unified_export_is_proven
from slora_assets.defs.checks.validation import (
    gate_passes,
    nothing_is_copied,
    samples_move,
    unified_gate_passes,
    unified_nothing_is_copied,
    unified_samples_move,
)
from slora_assets.defs.compute import ComputeResource
from slora_assets.defs.configuration_sensor import edited_settings
from slora_assets.defs.dead_run_sensor import dead_runs
from slora_assets.defs.failed_runs import failed_runs, failed_verification
from slora_assets.defs.jobs import JOBS
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.schedules import (
    DAILY_SUMMARY,
    VERIFY_SERVED,
    daily_summary,
    verify_served,
)
from slora_assets.defs.sensors import new_footage


def build_definitions(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole graph; `resource_overrides` replace resources by name (tests, other machines)."""
    return dg.Definitions(
        assets=[
            *CONFIGURATION,
            footage,
            scenario_metadata,
            scenario_manifest,
            first_frames,
            base_model,
            prompt_embeddings,
            latents,
            scenario_adapter,
            scenario_validation,
            scenario_report,
            unified_adapter,
            unified_validation,
            scale_sweep,
            unified_report,
            inference_presets,
            project_summary,
            project_report,
        ],
        asset_checks=bundled(
            [
                splits_do_not_leak,
                frames_are_whole,
                latents_are_whole,
                embeddings_are_whole,
                scenario_export_is_proven,
                unified_export_is_proven,
                gate_passes,
                samples_move,
                unified_gate_passes,
                unified_samples_move,
                nothing_is_copied,
                unified_nothing_is_copied,
                presets_are_intact,
                summary_is_fresh,
                adapter_is_current,
                verdict_is_current,
                *RECORDS_VERIFY,
            ]
        ),
        jobs=[*JOBS, DAILY_SUMMARY, VERIFY_SERVED],
        schedules=[daily_summary, verify_served],
        sensors=[
            new_footage,
            edited_settings,
            dead_runs,
            automatic_updates,
            failed_runs,
            failed_verification,
        ],
        resources={"project": ProjectResource(), "compute": ComputeResource()}
        | dict(resource_overrides or {}),
        executor=dg.in_process_executor,
    )

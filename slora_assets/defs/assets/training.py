"""Dagster's view of training: the two training commands as assets, and what each run recorded."""

from pathlib import Path
from typing import Any

import dagster as dg

from slora_assets.config.environment import recipe_overrides
from slora_assets.curation.retirement import refuse_retired
from slora_assets.defs import groups
from slora_assets.defs.compute import ComputeResource
from slora_assets.defs.configuration import read_by
from slora_assets.defs.media import CURVES_LIMIT, moving_pictures, picture
from slora_assets.defs.metadata import PARTITION_ROWS, ROWS, base_entries, scenario_of, standing_at
from slora_assets.defs.origin import licences, lineage, on_record
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.tables import EPOCHS, epoch_table
from slora_assets.documents import ADAPTER_FILE, RUN_RECORD, BaseIdentity, RunRecord
from slora_assets.provenance import object_hash
from slora_assets.provenance.records import read_run_record
from slora_assets.training.between_epochs.metrics_log import METRICS_FILE, MetricsLog
from slora_assets.training.journal import last_entry
from slora_assets.training.plan import TRAINING_VERSION, adopt_run, plan_run


class TrainingRunConfig(dg.Config):
    """How a training is launched; what it learns is the recipe's."""

    restart: bool = False
    """Throw away an unfinished run that was begun with something else, instead of refusing."""
    overrides: list[str] = []
    """Keys of the recipe that this run sets over the file, each `dotted.key=value`."""


@dg.asset(
    group_name=groups.TRAINING,
    kinds={"pytorch"},
    owners=groups.TRAINING_TEAM,
    tags=groups.ACCELERATOR,
    metadata=standing_at(lambda workspace: workspace.scenario_run("any").parent, EPOCHS),
    code_version=str(TRAINING_VERSION),
    partitions_def=SCENARIOS,
    deps=["latents", "prompt_embeddings", "training_settings"],
    pool=groups.POOL,
)
def scenario_adapter(
    context: dg.AssetExecutionContext,
    config: TrainingRunConfig,
    project: ProjectResource,
    compute: ComputeResource,
) -> dg.MaterializeResult[None]:
    """A LoRA adapter for one scenario, the best epochs kept.

    The loop and its settings: `docs/training.md`; the file: `docs/adapters.md`.
    """
    scenario = scenario_of(context)
    workspace = project.workspace()
    refuse_retired(workspace, scenario)
    folder = workspace.scenario_run(scenario)
    arguments = ["scenarios", "--output-root", str(folder.parent), "--scenario", scenario]
    return _train(context, config, project, compute, scenario, arguments)


@dg.asset(
    group_name=groups.TRAINING,
    kinds={"pytorch"},
    owners=groups.TRAINING_TEAM,
    tags=groups.ACCELERATOR,
    metadata=standing_at(lambda workspace: workspace.unified_run, EPOCHS),
    code_version=str(TRAINING_VERSION),
    deps=["latents", "prompt_embeddings", "unified_training_settings"],
    pool=groups.POOL,
)
def unified_adapter(
    context: dg.AssetExecutionContext,
    config: TrainingRunConfig,
    project: ProjectResource,
    compute: ComputeResource,
) -> dg.MaterializeResult[None]:
    """One LoRA adapter for all scenarios that reach their minimum counts.

    The loop and its settings: `docs/training.md`; the file: `docs/adapters.md`.
    """
    arguments = ["unified", "--output-dir", str(project.workspace().unified_run)]
    return _train(context, config, project, compute, None, arguments)


_UNIFIED_SETTINGS = "unified_training_settings"


def _train(
    context: dg.AssetExecutionContext,
    config: TrainingRunConfig,
    project: ProjectResource,
    compute: ComputeResource,
    scenario: str | None,
    arguments: list[str],
) -> dg.MaterializeResult[None]:
    """Launch the training command unless this very run stands, and report its record."""
    read = read_by(context, project, "training_settings" if scenario else _UNIFIED_SETTINGS)
    workspace = project.workspace()
    folder = workspace.run_of(scenario)
    settings = project.training(config.overrides)
    plan = plan_run(workspace, settings, project.prompts(), scenario, folder)
    hit = plan.is_complete(workspace)
    if hit:
        adopt_run(workspace, plan)
        context.log.info(f"{plan.name}: nothing to do, {folder} holds this very run")
    else:
        arguments += ["--metadata", str(workspace.scenario_metadata)]
        arguments += ["--config", str(workspace.training_config)]
        arguments += ["--restart"] * config.restart
        for override in (*recipe_overrides(), *config.overrides):
            arguments += ["--set", override]
        compute.train(context, "slora_assets.training.command", arguments)
    record, log = read_run_record(folder), MetricsLog(folder / METRICS_FILE)
    return dg.MaterializeResult(
        # The same bytes of another run want another verdict.
        data_version=dg.DataVersion(object_hash([record.run_hash, record.best.sha256])),
        tags=read,
        metadata={
            **_scores(record, log),
            **_pictures(record, log, folder),
            **_made_with(record, folder),
            **on_record(workspace, folder / RUN_RECORD),
            **licences(workspace, folder),
            **lineage(record),
            ROWS if scenario is None else PARTITION_ROWS: len(log.lines()),
            "cache": "hit" if hit else "miss",
        },
    )


_METRICS = ("held_out_loss", "clip_similarity", "temporal_consistency", "motion_speed")
_TOOK = ("seconds", "seconds_per_step", "peak_memory_bytes")


def _scores(record: RunRecord, log: MetricsLog) -> dict[str, Any]:
    """What came out: of the best epoch, and the training loss of the last."""
    best, last = log.line(record.best.epoch), log.lines()[-1]
    found = {name: best[name] for name in _METRICS if best[name] is not None}
    if last["train_loss"] is not None:
        found["train_loss"] = last["train_loss"]
    return found | {
        "base_held_out_loss": record.base_scores["held_out_loss"],
        "combined": record.best.combined,
        "best_epoch": record.best.epoch,
        "steps": record.steps,
        "parity": record.parity.model_dump(mode="json"),
        "left_out": dict(record.left_out),
        "scores": record.scores_note or "trained base and scorer",
    }


def _made_with(record: RunRecord, folder: Path) -> dict[str, Any]:
    """From what, with which code, and in what time. Runs record the versions of the code, of which
    the training's own counts what changes bytes, and no commit: slora may be installed without its
    repository."""
    took = last_entry(folder, record.run_hash)
    return {
        **base_entries(BaseIdentity.model_validate(record.base)),
        **{name: took[name] for name in _TOOK if name in took},
        "slora": record.software["slora"],
        "training_version": TRAINING_VERSION,
        "software": dict(record.software),
        "config_hash": record.config_hash,
        "config_difference": dg.MetadataValue.json(record.config_difference),
        "dataset_hash": record.dataset_hash,
        "run_hash": record.run_hash,
        "adapter_sha256": record.best.sha256,
        "adapter": dg.MetadataValue.path(folder / record.best.path / ADAPTER_FILE),
    }


def _pictures(record: RunRecord, log: MetricsLog, folder: Path) -> dict[str, dg.MetadataValue]:
    """What people look at: small here, whole in the files that are named beside it."""
    samples = folder / f"sample_epoch_{record.best.epoch}"
    return {
        "epochs": epoch_table(log.lines()),
        "curves": picture(folder / "curves.png", "loss curves", CURVES_LIMIT),
        "samples": moving_pictures(sorted(samples.glob("*.mp4"))),
        "all samples": dg.MetadataValue.path(samples),
        "run": dg.MetadataValue.path(folder),
    }

"""Dagster's view of training: the two training commands as assets, and what each run recorded."""

from pathlib import Path
from typing import Any

import dagster as dg

from slora_assets.config.workspace import Workspace
from slora_assets.defs.compute import ComputeResource
from slora_assets.defs.metadata import moving_pictures, picture
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.documents import RunRecord
from slora_assets.provenance.records import read_run_record
from slora_assets.training.between_epochs.metrics_log import METRICS_FILE, MetricsLog
from slora_assets.training.journal import last_entry
from slora_assets.training.plan import plan_run


class TrainingRunConfig(dg.Config):
    """How a training is launched; what it learns is the recipe's."""

    restart: bool = False
    """Throw away an unfinished run that was begun with something else, instead of refusing."""


@dg.asset(
    group_name="training",
    kinds={"pytorch", "lora"},
    code_version="1",
    partitions_def=SCENARIOS,
    deps=["latents", "prompt_embeddings"],
    pool="gpu",
)
def scenario_adapter(
    context: dg.AssetExecutionContext,
    config: TrainingRunConfig,
    project: ProjectResource,
    compute: ComputeResource,
) -> dg.MaterializeResult[None]:
    """A LoRA adapter for one scenario, the best epochs kept."""
    scenario = context.partition_key
    workspace = project.workspace()
    folder = workspace.scenario_run(scenario)
    arguments = ["scenarios", "--output-root", str(folder.parent), "--scenario", scenario]
    arguments += ["--restart"] * config.restart
    return _train(context, project, compute, scenario, arguments)


@dg.asset(
    group_name="training",
    kinds={"pytorch", "lora"},
    code_version="1",
    deps=["latents", "prompt_embeddings"],
    pool="gpu",
)
def unified_adapter(
    context: dg.AssetExecutionContext,
    config: TrainingRunConfig,
    project: ProjectResource,
    compute: ComputeResource,
) -> dg.MaterializeResult[None]:
    """One LoRA adapter for all scenarios that reach their minimum counts."""
    arguments = ["unified", "--output-dir", str(project.workspace().unified_run)]
    arguments += ["--restart"] * config.restart
    return _train(context, project, compute, None, arguments)


def _train(
    context: dg.AssetExecutionContext,
    project: ProjectResource,
    compute: ComputeResource,
    scenario: str | None,
    arguments: list[str],
) -> dg.MaterializeResult[None]:
    """Launch the training command unless this very run stands, and report its record."""
    workspace = project.workspace()
    folder = workspace.run_of(scenario)
    plan = plan_run(workspace, project.training(), project.prompts(), scenario, folder)
    hit = plan.is_complete()
    if hit:
        context.log.info(f"{plan.name}: nothing to do, {folder} holds this very run")
    else:
        arguments += ["--metadata", str(workspace.scenario_metadata)]
        arguments += ["--config", str(workspace.training_config)]
        compute.train(context, "slora_assets.training.command", arguments)
    record = read_run_record(folder)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(record.best.sha256),
        metadata=_metadata(workspace, record, folder) | {"cache": "hit" if hit else "miss"},
    )


_TOOK = ("seconds", "seconds_per_step", "peak_memory_bytes")


def _metadata(workspace: Workspace, record: RunRecord, folder: Path) -> dict[str, Any]:
    log = MetricsLog(folder / METRICS_FILE)
    best = log.line(record.best.epoch)
    samples = sorted((folder / f"sample_epoch_{record.best.epoch}").glob("*.mp4"))
    metrics = ("held_out_loss", "clip_similarity", "temporal_consistency", "motion_score")
    found: dict[str, Any] = {name: best[name] for name in metrics if best[name] is not None}
    took = last_entry(folder, record.run_hash)
    return found | {
        "base_held_out_loss": record.base_scores["held_out_loss"],
        "combined": record.best.combined,
        "best_epoch": record.best.epoch,
        "steps": record.steps,
        **{name: took[name] for name in _TOOK if name in took},
        "config_hash": record.config_hash,
        "config_difference": dg.MetadataValue.json(record.config_difference),
        "dataset_hash": record.dataset_hash,
        "run_hash": record.run_hash,
        "adapter_sha256": record.best.sha256,
        "parity": record.parity.model_dump(mode="json"),
        "left_out": dict(record.left_out),
        "scores": record.scores_note or "trained base and scorer",
        "epochs": _epoch_table(log.lines()),
        "curves": picture(folder / "curves.png", "loss curves"),
        "samples": moving_pictures(samples),
        "run": dg.MetadataValue.path(folder),
    }


def _epoch_table(lines: list[dict[str, Any]]) -> dg.TableMetadataValue:
    columns = ("epoch", "held_out_loss", "clip_similarity", "temporal_consistency", "combined")
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {name: _short(line[name]) for name in columns}
                | {"pruned": ", ".join(str(p["epoch"]) for p in line.get("pruned", []))}
            )
            for line in lines
        ],
        schema=dg.TableSchema(
            columns=[dg.TableColumn(name, "string") for name in (*columns, "pruned")]
        ),
    )


def _short(value: float | None) -> str:
    """Numbers for a table that people read."""
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")

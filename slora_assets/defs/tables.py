"""Tables of the graph: columns with their types, as the UI lists them, and rows for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import dagster as dg
from pydantic import BaseModel

from slora_assets.documents import QuarantinedClip, RunVerdict, ScaleSweep
from slora_assets.validation.metrics.naming import guarded_ways, metric_of

_MOST_ROWS: Final = 100

Cell = str | int | float | None

REJECTS: Final = dg.TableSchema(
    columns=[
        dg.TableColumn("clip", "string", "its id"),
        dg.TableColumn("reason", "string", "reason code, see docs/datasets.md"),
        dg.TableColumn("detail", "string", "what was found, in words"),
    ]
)
EPOCHS: Final = dg.TableSchema(
    columns=[
        dg.TableColumn("epoch", "integer", "0 is the base without adapter"),
        dg.TableColumn("step", "integer", "optimizer steps until then"),
        dg.TableColumn("train_loss", "number", "mean over the epoch's steps"),
        dg.TableColumn("held_out_loss", "number", "on clips that aren't trained on"),
        dg.TableColumn("clip_similarity", "number", "how well clips show their prompts"),
        dg.TableColumn("temporal_consistency", "number", "empty where every sample is frozen"),
        dg.TableColumn("combined", "number", "what decides which adapters are kept"),
        dg.TableColumn("pruned", "string", "epochs whose adapters were pruned then"),
    ]
)
GUARDED: Final = dg.TableSchema(
    columns=[
        dg.TableColumn("metric", "string", "see docs/howto/reading_a_verdict.md"),
        dg.TableColumn("unit", "string", "of all numbers but clips"),
        dg.TableColumn("better", "string", "higher or lower"),
        dg.TableColumn("held_against", "string", "base, footage, or the worse of both"),
        dg.TableColumn("base", "number", "mean over distinct clips"),
        dg.TableColumn("adapter", "number", "mean over distinct clips"),
        dg.TableColumn("footage", "number", "mean over clips that went through the base's VAE"),
        dg.TableColumn("mean_change", "number", "positive: better than what is asked"),
        dg.TableColumn("lower", "number", "one-sided bound of the change"),
        dg.TableColumn("upper", "number", "one-sided bound of the change"),
        dg.TableColumn("margin", "number", "how much worse still counts as not worse"),
        dg.TableColumn("clips", "integer", "distinct ones on which both sides were measured"),
    ]
)


SWEPT: Final = dg.TableSchema(
    columns=[
        dg.TableColumn("strength", "number", "at which the adapter was loaded"),
        dg.TableColumn("speed", "string", "speed preset"),
        dg.TableColumn("answer", "string", "the gate's: pass, fail or inconclusive"),
        dg.TableColumn("clips", "integer", "fewer than asked where it was given up early"),
        dg.TableColumn("clip_similarity", "number", "how well clips show their prompts"),
        dg.TableColumn("temporal_consistency", "number", "steadiness, less where motion lacks"),
        dg.TableColumn("motion_speed", "number", "shorter sides per second"),
        dg.TableColumn("reason", "string", "the first of the gate's"),
    ]
)


def columns_of(model: type[BaseModel]) -> dg.TableSchema:
    """The columns of a document's rows, as its JSON Schema has them."""
    properties: dict[str, dict[str, Any]] = model.model_json_schema(mode="serialization")[
        "properties"
    ]
    columns = []
    for name, found in properties.items():
        either = found.get("anyOf", [found])
        (kind, *_) = [one for one in either if one.get("type") != "null"]
        nullable = len(either) > 1
        constraints = dg.TableColumnConstraints(nullable=nullable)
        said = " ".join(found.get("description", "").split()) or None
        columns.append(
            dg.TableColumn(name, str(kind.get("type", "object")), said, constraints=constraints)
        )
    return dg.TableSchema(columns=columns)


def reject_table(clips: Sequence[QuarantinedClip]) -> dg.TableMetadataValue:
    """The first quarantined clips, each with its reason."""
    rows = ({"clip": c.clip_id, "reason": c.reason, "detail": c.detail} for c in clips[:_MOST_ROWS])
    return _table(rows, REJECTS)


def epoch_table(lines: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """The lines of a run's metrics log."""
    return _table(
        (
            {column.name: line.get(column.name) for column in EPOCHS.columns}
            | {"pruned": ", ".join(str(one["epoch"]) for one in line.get("pruned", []))}
            for line in lines
        ),
        EPOCHS,
    )


def guarded_table(verdict: RunVerdict) -> dg.TableMetadataValue:
    """What the gate guards, and what it found."""
    ways = guarded_ways(verdict)
    return _table(
        (
            {
                "metric": name,
                "unit": metric_of(name).unit,
                "better": metric_of(name, ways.get(name)).better,
                "held_against": found.yardstick,
                "base": found.base,
                "adapter": found.adapter,
                "footage": found.footage,
                "mean_change": found.mean_delta,
                "lower": found.lower,
                "upper": found.upper,
                "margin": found.margin,
                "clips": found.n,
            }
            for name, found in verdict.gate.metrics.items()
        ),
        GUARDED,
    )


def sweep_table(sweep: ScaleSweep) -> dg.TableMetadataValue:
    """What the gate says at each strength."""
    shown = ("clip_similarity", "temporal_consistency", "motion_speed")
    return _table(
        (
            {
                "strength": row.scale,
                "speed": row.speed,
                "answer": row.answer,
                "clips": row.n_clips,
                **{name: row.adapter_scores.get(name) for name in shown},
                "reason": row.reasons[0] if row.reasons else "",
            }
            for row in sweep.scales
        ),
        SWEPT,
    )


def _table(rows: Iterable[Mapping[str, Cell]], schema: dg.TableSchema) -> dg.TableMetadataValue:
    """Numbers are rounded as people read them."""
    records = [dg.TableRecord({name: _short(cell) for name, cell in row.items()}) for row in rows]
    return dg.MetadataValue.table(records, schema=schema)


def _short(cell: Cell) -> Cell:
    return round(cell, 4) if isinstance(cell, float) else cell

"""Parts of a run's page as plain values: training, nearest clips, people, origin and settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slora_assets.config.workspace import Workspace
from slora_assets.documents import RunVerdict
from slora_assets.reports.clips import clip_file, first_frame, picture
from slora_assets.reports.evidence import Evidence
from slora_assets.validation.preferences.summary import MetricAgreement, RunPreference

_NEAREST_SHOWN: Final = 8
CLIPS_LISTED: Final = 300
Fact = tuple[str, str]


@dataclass(frozen=True)
class Epoch:
    """A line of the table of epochs."""

    number: int
    step: int
    train_loss: float | None
    held_out_loss: float | None
    clip_similarity: float | None
    temporal_consistency: float | None
    combined: float | None
    fate: str


@dataclass(frozen=True)
class Near:
    """A sample beside the training clip that it comes nearest to."""

    prompt: str
    seed: int
    clip_id: str
    sample: str | None
    trained: str | None
    similarity: float
    limit: float
    copied: bool
    told: str


@dataclass(frozen=True)
class People:
    """What people preferred, and whether the gate says the same."""

    found: RunPreference
    said: str
    metrics: Sequence[MetricAgreement]


def epoch_rows(evidence: Evidence) -> list[Epoch]:
    """All epochs, the base first, each with what became of its adapter."""
    record = evidence.record
    kept = {one.epoch for one in record.kept}
    reasons = {
        one["epoch"]: str(one["reason"])
        for line in evidence.epochs
        for one in line.get("pruned", [])
    }

    def fate(epoch: int) -> str:
        if epoch == 0:
            return "base, without adapter"
        if epoch == record.best.epoch:
            return "kept: the best, and the one that was judged"
        return "kept" if epoch in kept else f"pruned. {reasons.get(epoch, '')}".strip()

    return [
        Epoch(
            number=line["epoch"],
            step=line["step"],
            train_loss=line.get("train_loss"),
            held_out_loss=line.get("held_out_loss"),
            clip_similarity=line.get("clip_similarity"),
            temporal_consistency=line.get("temporal_consistency"),
            combined=line.get("combined"),
            fate=fate(line["epoch"]),
        )
        for line in evidence.epochs
    ]


def nearest(workspace: Workspace, evidence: Evidence) -> list[Near]:
    """The nearest samples, with first frames of both where they are there."""
    rows = []
    for one in (evidence.nearest or [])[:_NEAREST_SHOWN]:
        name = f"{one.prompt_id}_{one.seed}"
        sample = clip_file(evidence.samples / "adapter", name)
        clip = evidence.clips.get(one.clip_id)
        evidence_told = f"{one.evidence}, mirrored" if one.mirrored else one.evidence
        rows.append(
            Near(
                prompt=evidence.text(one.prompt_id),
                seed=one.seed,
                clip_id=one.clip_id,
                sample=None if sample is None else first_frame(sample),
                trained=None if clip is None else picture(workspace.absolute(clip.first_frame)),
                similarity=one.similarity,
                limit=one.limit,
                copied=one.copied,
                told=evidence_told,
            )
        )
    return rows


def people(evidence: Evidence) -> People | None:
    """What people preferred; None where nobody chose."""
    summary = evidence.preferences
    if summary is None or not summary.runs or not summary.runs[0].choices:
        return None
    found = summary.runs[0]
    prefer = "neither for sure"
    if found.strength is not None and found.strength.lower > 0:
        prefer = "the adapter"
    elif found.strength is not None and found.strength.upper < 0:
        prefer = "the base"
    agrees = {("pass", "the adapter"): "agrees", ("fail", "the base"): "agrees"}
    differs = {("pass", "the base"), ("fail", "the adapter")}
    place = (found.answer, prefer)
    verdict = agrees.get(place, "says the opposite" if place in differs else "is another question")
    return People(
        found,
        f"People prefer {prefer}; the verdict, {found.answer}, {verdict}.",
        [one for one in summary.automatic if one.run == evidence.run],
    )


def origin(evidence: Evidence) -> list[Fact]:
    """What the adapter was made of."""
    record, verdict = evidence.record, evidence.verdict
    splits = Counter(clip.split for clip in record.clips)
    base = verdict.base
    facts = [
        ("Scenarios", ", ".join(record.scenarios)),
        *((f"Left out: {name}", why) for name, why in record.left_out.items()),
        ("Dataset", record.dataset),
        ("Licence of the footage", record.licence),
        ("Dataset hash", record.dataset_hash),
        *((f"Clips, {split}", str(count)) for split, count in sorted(splits.items())),
        ("Sources", _sources(evidence)),
        ("Clips left out", str(len(record.dropped))),
        ("Base", f"{base.name}, revision {base.revision}"),
        ("Licence of the base", base.licence),
        *((f"Base's {part}", sha256) for part, sha256 in sorted(base.parts.items())),
        ("Scorer", _scorer(verdict.scorer)),
        ("Adapter, SHA-256", verdict.adapter_sha256),
        ("Epoch", f"{record.best.epoch} of {record.epochs}, {record.steps} steps in all"),
        ("Config hash", record.config_hash),
        ("Run hash", record.run_hash),
        ("Validation hash", verdict.validation_hash),
        (
            "Sampled",
            f"strength {verdict.served.scale:g}, {verdict.served.steps} steps, guidance"
            f" {verdict.served.guidance_scale:g}",
        ),
        ("File against memory", f"differs by at most {record.parity.max_difference:.3g}"),
        *((f"Changed after step {c.get('step')}", _change(c)) for c in record.changes),
        ("Software", _versions(record.software)),
        *_judged_with(verdict),
    ]
    return [(name, value or "none") for name, value in facts]


def _judged_with(verdict: RunVerdict) -> Iterator[Fact]:
    """Older verdicts say less of it."""
    if verdict.question is not None:
        asked = verdict.question
        yield "Judged by", f"version {asked.version} of the gate, {asked.temporal} of its measures"
    if verdict.software is not None:
        yield "Software that judged", _versions(verdict.software)
    if verdict.threads is not None:
        yield "Threads that judged", str(verdict.threads)


def _versions(software: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(software.items()))


def _sources(evidence: Evidence) -> str:
    ids = {clip.id for clip in evidence.record.clips}
    groups = {clip.source_group for id_, clip in evidence.clips.items() if id_ in ids}
    known = len(ids & evidence.clips.keys())
    if known < len(ids):
        return f"not all known: {len(ids) - known} of {len(ids)} clips are in no manifest now"
    return f"{len(groups)} source video{'' if len(groups) == 1 else 's'}"


def _scorer(scorer: Mapping[str, Any]) -> str:
    return ", revision ".join(str(scorer[key]) for key in ("name", "revision") if key in scorer)


def _change(change: Mapping[str, Any]) -> str:
    return f"{change.get('key')}: {change.get('before')} became {change.get('after')}"


def trained_clips(evidence: Evidence) -> list[tuple[str, str, str, str, str]]:
    """Id, split, scenario, source and hash of the clips that the run saw, the first of many."""
    rows = []
    for clip in sorted(evidence.record.clips, key=lambda one: (one.split, one.scenario, one.id)):
        known = evidence.clips.get(clip.id)
        source = "not known" if known is None else known.source_group
        rows.append((clip.id, clip.split, clip.scenario, source, clip.sha256))
    return rows[:CLIPS_LISTED]


def settings(tree: Mapping[str, Any]) -> list[Fact]:
    """Every setting of nested ones, by its dotted key."""
    return [*_flat(tree, "")]


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[Fact]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _value(value)


def _value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)

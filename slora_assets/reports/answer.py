"""The verdict as a person would say it, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slora_assets.deployment.strengths import to_judge_at_another
from slora_assets.documents import DEFAULT_SPEED, Answer
from slora_assets.reports.charts.sweep_charts import by_speed, passing
from slora_assets.reports.evidence import Evidence
from slora_assets.reports.metrics import plain
from slora_assets.validation.metrics.naming import metric_of

WORDS: Final[dict[Answer, str]] = {"pass": "Pass", "fail": "Fail", "inconclusive": "No answer yet"}


@dataclass(frozen=True)
class Step:
    """Something to do: a sentence, and the command that does it."""

    text: str
    command: str | None = None


def headline(evidence: Evidence) -> str:
    """Answer and main reason in one sentence, or two short ones."""
    gate = evidence.verdict.gate
    if gate.answer == "pass":
        better = [metric_of(name).label for name, found in gate.metrics.items() if found.improved]
        than = f" is better than its base in {_listed(better)} and" if better else ""
        return (
            f"Pass: the adapter{than} keeps within its limits in all {len(gate.metrics)} guarded"
            " metrics."
        )
    reason = plain(gate.reasons[0]) if gate.reasons else "The gate gave no reason."
    return f"{WORDS[gate.answer]}. {reason}"


def next_steps(evidence: Evidence) -> list[Step]:
    """What a person can do now, the first thing first."""
    if "standing" in evidence.missing:
        why = evidence.missing["standing"]
        return [Step(f"Whether this verdict still stands can't be told: {why}")]
    if not evidence.stands:
        return [
            Step(
                f"This verdict no longer stands: {'; '.join(evidence.outdated)}. Judge again:",
                "make validate",
            )
        ]
    steps = [*_copies(evidence), *_promotion(evidence)]
    if evidence.sweep is None and evidence.verdict.gate.answer != "pass":
        steps.append(Step("Other strengths of it haven't been tried:", "make sweep"))
    return steps


def _promotion(evidence: Evidence) -> list[Step]:
    verdict, run = evidence.verdict, evidence.run
    if evidence.promoted:
        return [Step("This adapter is promoted and served. To take it back:", _demote(run))]
    if verdict.gate.answer == "fail":
        return [
            Step("A failed adapter is never promoted: train a better one, as the reasons suggest."),
            *_other_strengths(evidence),
        ]
    if evidence.unified:
        return [Step("Presets serve adapters of scenarios: the unified one is not promoted.")]
    if evidence.preset is None:
        return [Step(f"To be served it needs an entry presets.{run} in optimized_inference.yaml.")]
    replaces = " It replaces the adapter that is served now." if evidence.preset.sha256 else ""
    if evidence.sweep is not None:
        replaces += " It goes to the best of the strengths that pass, or to that of --scale."
    if verdict.gate.answer == "pass":
        return [Step(f"It may be served.{replaces} To promote it:", _promote(run))]
    advice = [plain(reason) for reason in verdict.gate.reasons[1:]]
    return [
        *([Step(" ".join(advice))] if advice else []),
        *_other_strengths(evidence),
        Step(
            "Or let it through as it is, which the log keeps with your name:",
            f"{_promote(run)} --override-inconclusive",
        ),
    ]


def _copies(evidence: Evidence) -> list[Step]:
    copies = evidence.verdict.copies
    if not copies:
        return []
    many = f"{copies} samples copy training clips" if copies > 1 else "1 sample copies one"
    return [Step(f"Look at the nearest training clips first: {many}.")]


def _other_strengths(evidence: Evidence) -> list[Step]:
    """Strengths and speeds that pass where this one doesn't."""
    if evidence.sweep is None:
        return []
    found = {
        speed: [_range(*one) for one in passing(scales)]
        for speed, scales in by_speed(evidence.sweep).items()
    }
    steps = []
    if here := found.pop(DEFAULT_SPEED, None):
        passes = f"At other strengths it passes: {_listed(here)}."
        if evidence.preset is None:
            steps.append(Step(passes))
        else:
            how = to_judge_at_another(evidence.run, evidence.preset)
            judge = f"To have it judged at one: {how}, and judge again:"
            steps.append(Step(f"{passes} {judge}", "make validate"))
    others = [f"{one} at speed {speed}" for speed, ranges in found.items() for one in ranges]
    if others:
        steps.append(Step(f"With other speeds it passes: {_listed(others)}."))
    return steps


def _range(least: float, most: float) -> str:
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def _promote(run: str) -> str:
    return f'slora promote {run} --by you --reason "why"'


def _demote(run: str) -> str:
    return f'slora demote {run} --by you --reason "why"'


def _listed(names: Sequence[str]) -> str:
    names = [name if name.startswith("CLIP") else name[:1].lower() + name[1:] for name in names]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

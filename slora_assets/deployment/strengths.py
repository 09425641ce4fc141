"""At which strengths an adapter may be served: those that the gate let through, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from slora_assets.config.errors import GateError, SloraError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import promotion_of
from slora_assets.deployment.permission import refuse_wider_use
from slora_assets.deployment.taint import refuse_tainted
from slora_assets.documents import (
    DEFAULT_SPEED,
    Answer,
    LoggedChange,
    Presets,
    PromotableAnswer,
    RunVerdict,
    ScenarioPreset,
)
from slora_assets.provenance.ledger import refuse_unrecorded
from slora_assets.validation.question import question_of
from slora_assets.validation.swept import answers_given


@dataclass(frozen=True)
class Strengths:
    """What a preset may ask of its adapter."""

    scale: float
    least: float
    most: float
    speeds: tuple[str, ...] = (DEFAULT_SPEED,)
    """Speed presets that were let through at `scale`, by name."""


@dataclass(frozen=True)
class Tried:
    """A strength that was judged."""

    answer: Answer
    declared: float | None
    """Mean of the first metric that is to improve; null where it is unknown."""
    speeds: Mapping[str, Answer] = field(default_factory=dict)
    """Answers at this strength with other speed presets than the default."""


def tried_strengths(workspace: Workspace, verdict: RunVerdict) -> dict[float, Tried]:
    """The strengths at which an adapter was judged: its verdict's, and a sweep's where one stands
    for the very same adapter, prompts and settings.

    Raises GateError, MissingInputError, IntegrityError for a standing sweep whose answers are not
    what its own measurements give.
    """
    own = {verdict.served.scale: Tried(verdict.gate.answer, None)}
    if not workspace.sweep(verdict.run).is_file():
        return own
    run = workspace.scenario_run(verdict.run)
    try:
        settings = read_validation_prompts(workspace.validation_prompts)
        sweep = answers_given(workspace, question_of(workspace, run, settings))
    except SloraError:
        return own
    if sweep is None or sweep.adapter_sha256 != verdict.adapter_sha256:
        return own
    # The gate reckons with numpy, which definitions don't wait for.
    from slora_assets.validation.earned import earned_strengths

    metric = next(name for name, guard in settings.gate.guards.items() if guard.improves)
    rows = earned_strengths(workspace, run, verdict, sweep)
    refuse_unrecorded(workspace, workspace.sweep(verdict.run), remedy="run `make sweep`")
    swept = {
        one.scale: Tried(
            one.answer,
            one.scores.get(metric),
            {
                other.speed: other.answer
                for other in rows
                if other.speed != DEFAULT_SPEED and other.scale == one.scale
            },
        )
        for one in rows
        if one.speed == DEFAULT_SPEED
    }
    at_verdict = swept.get(verdict.served.scale)
    if at_verdict is not None:  # the answer is the verdict's own; the sweep adds what it scored
        own = {verdict.served.scale: replace(at_verdict, answer=verdict.gate.answer)}
    return dict(sorted((swept | own).items()))


def strengths_for(
    tried: Mapping[float, Tried], answer: PromotableAnswer, wanted: float | None
) -> Strengths:
    """The strength to serve at, how far requests may go from it (as far as neighbouring strengths
    were let through), and with which speed presets.

    `wanted` is a person's choice; without one it is the strength with the best declared metric.
    Raises GateError for a wanted strength that was not let through.
    """
    allowed = {"pass"} if answer == "pass" else {"pass", "inconclusive"}
    rows = _unbroken([(scale, one.answer in allowed) for scale, one in sorted(tried.items())])
    good = [scale for row in rows for scale in row]
    start = wanted
    if start is None and good:
        start = max(good, key=lambda scale: _order(scale, tried))
    for row in rows:
        if start is not None and row[0] <= start <= row[-1]:
            others = tried[start].speeds if start in tried else {}
            speeds = (name for name, found in sorted(others.items()) if found in allowed)
            return Strengths(start, row[0], row[-1], (DEFAULT_SPEED, *speeds))
    raise GateError(
        "the adapter wasn't let through at this strength",
        key="scale",
        found=wanted,
        expected=" or ".join(f"{row[0]:g} to {row[-1]:g}" for row in rows) or None,
        remedy="run `make sweep`, which judges more strengths, or choose one of these",
    )


def to_judge_at_another(scenario: str, preset: ScenarioPreset) -> str:
    """What a person does to have an adapter judged at another strength than the preset's."""
    served = preset.sha256 is not None
    demote = f'`slora demote {scenario} --by you --reason "why"`'
    first = f"{demote} (an edited preset serves nothing), " if served else ""
    return (
        f"{first}set presets.{scenario}.scale in optimized_inference.yaml to that, and scale_min"
        " and scale_max so that it lies between them"
    )


def checked_promotion(
    workspace: Workspace, scenario: str, preset: ScenarioPreset
) -> LoggedChange | None:
    """The change by which a preset's adapter was let through; None for a preset without adapter.

    Raises GateError for an adapter that nobody promoted or that was taken back since, and for a
    preset that was edited to reach beyond the strengths or the use that it was promoted with,
    IntegrityError for a log that was tampered with; TaintedError for an adapter that has seen
    footage which was taken down since.
    """
    if preset.sha256 is None:
        return None
    refuse_tainted(workspace, preset.sha256, workspace.registry / preset.sha256)
    logged = promotion_of(workspace.changelog, scenario, preset.sha256)
    if logged is None:
        raise GateError(
            "the change log doesn't say that this adapter is promoted for the scenario",
            file=workspace.presets,
            key=f"presets.{scenario}.sha256",
            found=preset.sha256,
            expected="the adapter of the scenario's last promotion, or null after a demotion",
            remedy=f"`slora promote {scenario}`, or set adapter, sha256 and verdict to null",
        )
    refuse_wider_use(preset, logged, workspace.presets)
    least, most = logged.scale_min, logged.scale_max
    if least is None or most is None or least <= preset.scale_min <= preset.scale_max <= most:
        return logged
    raise GateError(
        "the preset reaches beyond the strengths that the gate let through",
        file=workspace.presets,
        key=f"presets.{scenario}",
        found=f"{preset.scale_min:g} to {preset.scale_max:g}",
        expected=f"within {least:g} to {most:g}",
        remedy="narrow scale_min and scale_max, or run `make sweep` and promote it again",
    )


def let_through_speeds(logged: LoggedChange, presets: Presets) -> tuple[str, ...] | None:
    """Names of the speed presets that a promoted adapter may be asked for: the default, and those
    that the gate let through and nobody has changed since. None where the entry doesn't say: it is
    an older one, and any may be named, without its verdict."""
    if logged.speeds is None:
        return None
    same = (n for n, speed in sorted(logged.speeds.items()) if presets.speed.get(n) == speed)
    return (DEFAULT_SPEED, *(name for name in same if name != DEFAULT_SPEED))


def _order(scale: float, tried: Mapping[float, Tried]) -> tuple[float, float]:
    """By the declared metric; of equals, and where it is unknown, the weaker is better."""
    declared = tried[scale].declared
    return (-1.0 if declared is None else declared, -scale)


def _unbroken(scales: list[tuple[float, bool]]) -> list[list[float]]:
    """Rows of neighbouring strengths that were let through."""
    return [
        [scale for scale, _ in row] for good, row in groupby(scales, key=lambda one: one[1]) if good
    ]

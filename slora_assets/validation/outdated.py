"""Why a verdict is no longer the one that a validation would give now, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from slora_assets.documents import AskedPrompt, AskedQuestion, RunVerdict
from slora_assets.validation.question import Question


def outdated_because(verdict: RunVerdict, question: Question) -> list[str]:
    """The reasons; none while the verdict answers this very question."""
    record, serving = question.record, question.serving
    covered = serving.covers(verdict.adapter_sha256, verdict.served.scale)
    if covered and verdict.validation_hash == question.hash:
        return []
    reasons = []
    if verdict.adapter_sha256 != record.best.sha256:
        reasons.append(
            f"it is about adapter {verdict.adapter_sha256[:12]}, and the run's best is"
            f" {record.best.sha256[:12]} of epoch {record.best.epoch}"
        )
    elif verdict.run_hash != record.run_hash:
        reasons.append("it is about an earlier run that ended in the same weights")
    if not covered:
        reasons.append(
            f"it is about strength {verdict.served.scale:g}, and the preset's is {serving.scale:g}"
        )
    asked = len(question.prompts) * len(question.settings.seeds)
    rests_on = verdict.base_scores.get("samples")
    if rests_on not in (None, asked) and not verdict.gate.given_up:
        reasons.append(f"it rests on {rests_on} clips of each side, and {asked} are asked")
    if verdict.question is not None:
        reasons += differences(verdict.question, question.told)
    return reasons or [
        "prompts, seeds, footage, presets, the gate's settings or its code are others"
    ]


def differences(before: AskedQuestion, now: AskedQuestion) -> Iterator[str]:
    """What is asked now and was not, part by part; the adapter and its run are told apart."""
    was, is_ = (f"{asked.version}.{asked.temporal}" for asked in (before, now))
    if was != is_:
        yield f"the code that judges is {is_}, and was {was}"
    if before.prompts != now.prompts:
        yield _prompts(before.prompts, now.prompts)
    if before.footage != now.footage:
        yield "the footage is not that which it was held against"
    if before.contrasts != now.contrasts:
        yield "the prompts of other scenarios are others"
    if before.neutral != now.neutral:
        yield "the neutral prompts are others"
    yield from _changed("seeds", before.seeds, now.seeds)
    yield from _changed("gate", before.gate, now.gate)
    yield from _changed("sampling", before.sampling, now.sampling)


def _prompts(before: Sequence[AskedPrompt], now: Sequence[AskedPrompt]) -> str:
    had, has = ({prompt.text for prompt in prompts} for prompts in (before, now))
    if had == has:
        return "the prompts have other labels, or another order"
    return f"{len(has - had)} of its {len(now)} prompts are new, and {len(had - has)} are gone"


def _changed(key: str, before: object, now: object) -> Iterator[str]:
    """Every setting that differs, by its dotted key."""
    if isinstance(before, Mapping) or isinstance(now, Mapping):
        had, has = (one if isinstance(one, Mapping) else {} for one in (before, now))
        for name in sorted(had.keys() | has.keys()):
            yield from _changed(f"{key}.{name}", had.get(name), has.get(name))
    elif before != now:
        yield f"{key} is {_shown(now)}, and was {_shown(before)}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "not set" if value is None else str(value)

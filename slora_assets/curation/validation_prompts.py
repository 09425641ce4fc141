"""Prompts that validation asks: a scenario's written ones, or those of its held-out clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from slora_assets.config.validation import ScenarioPrompts, ValidationPrompts, WrittenPrompt
from slora_assets.curation.combinations import balanced
from slora_assets.curation.distinct import DistinctTexts
from slora_assets.documents import Clip


@dataclass(frozen=True)
class Prompt:
    """One prompt; `id` names its files and its row in a verdict.

    The others are labels: prompts with the same one share what it names, and their results are
    alike for it; None is shared with no other.
    """

    id: str
    scenario: str
    text: str
    subject: str | None = None
    motion: str | None = None
    template: str | None = None


def prompts_of(settings: ValidationPrompts, scenario: str, clips: Sequence[Clip]) -> list[Prompt]:
    """A scenario's prompts in a fixed order.

    A scenario that the file doesn't name is asked with the prompts of its validation clips, which
    no adapter was trained on: of those that say the same the first, with the clip's source group
    as subject.
    """
    written = settings.scenarios.get(scenario)
    found = _written(written) if written is not None else _of_clips(held_out(scenario, clips))
    unique: dict[str, WrittenPrompt] = {}
    for one in found:
        unique.setdefault(one.text, one)
    return [
        Prompt(f"{scenario}_{i:02d}", scenario, one.text, one.subject, one.motion, one.template)
        for i, one in enumerate(unique.values())
    ]


def held_out(scenario: str, clips: Sequence[Clip]) -> list[Clip]:
    """The scenario's validation clips."""
    return [clip for clip in clips if clip.scenario == scenario and clip.split == "validation"]


def _of_clips(clips: Sequence[Clip]) -> Iterator[WrittenPrompt]:
    said = DistinctTexts()
    for clip in clips:
        for text in clip.prompts:
            if said.add(text):
                yield WrittenPrompt(text=text, subject=clip.source_group)


def _written(settings: ScenarioPrompts) -> Iterator[WrittenPrompt]:
    """Those written out, then combinations: every template with every subject and motion, or so
    many of them."""
    yield from settings.prompts
    templates, subjects, motions = settings.templates, settings.subjects, settings.motions
    if settings.count is None:
        for template, subject, motion in product(templates, subjects, motions):
            yield _filled(template, subject, motion)
    else:
        sizes = len(subjects), len(motions), len(templates)
        for one in balanced(*sizes, settings.count):
            yield _filled(templates[one.template], subjects[one.subject], motions[one.motion])


def _filled(template: str, subject: str, motion: str) -> WrittenPrompt:
    """A template with its subject and motion; what it doesn't say is no label."""
    return WrittenPrompt(
        text=" ".join(template.format(subject=subject, motion=motion).split()),
        subject=subject if subject and "{subject}" in template else None,
        motion=motion if motion and "{motion}" in template else None,
        template=template,
    )


def spread(prompts: Sequence[Prompt], count: int) -> list[Prompt]:
    """`count` prompts that share as little as can be, in their order: each next one is the first of
    those whose subject, motion and template have been taken least often. Prompts without labels
    are taken evenly over the list."""
    if count >= len(prompts):
        return list(prompts)
    if not any(_labels(prompt) for prompt in prompts):
        return [prompts[i * len(prompts) // count] for i in range(count)]
    taken: Counter[tuple[str, str]] = Counter()
    left = list(range(len(prompts)))
    chosen = []
    for _ in range(count):
        next_one = min(left, key=lambda at: (sum(taken[one] for one in _labels(prompts[at])), at))
        taken.update(_labels(prompts[next_one]))
        left.remove(next_one)
        chosen.append(next_one)
    return [prompts[at] for at in sorted(chosen)]


def _labels(prompt: Prompt) -> list[tuple[str, str]]:
    named = {"subject": prompt.subject, "motion": prompt.motion, "template": prompt.template}
    return [(kind, label) for kind, label in named.items() if label is not None]


def prompts_needed(settings: ValidationPrompts) -> int:
    """How many prompts, each with every seed, make as many clips as the gate needs."""
    return -(-settings.gate.min_clips // len(settings.seeds))


def share_of_each(settings: ValidationPrompts, scenarios: int) -> int:
    """How many prompts of each of so many scenarios make as many in all as the gate needs."""
    return -(-prompts_needed(settings) // max(1, scenarios))


def other_prompts(settings: ValidationPrompts, scenario: str) -> list[str]:
    """Every prompt of every other scenario of the file: what a scenario's clips should show less
    than their own prompts. All of them, because the first ones may have a colour or a direction in
    common, which would count against clips that have it, too."""
    others = (prompts_of(settings, name, ()) for name in settings.scenarios if name != scenario)
    return list(dict.fromkeys(prompt.text for asked in others for prompt in asked))


def missing_prompts(
    settings: ValidationPrompts, scenarios: Sequence[str], clips: Sequence[Clip]
) -> str | None:
    """How many prompts a run of these scenarios lacks for a pass, and what writes more, in one
    sentence; None when it has enough."""
    share = share_of_each(settings, len(scenarios))
    there = {name: len(prompts_of(settings, name, clips)) for name in scenarios}
    missing = prompts_needed(settings) - sum(min(share, found) for found in there.values())
    if missing <= 0:
        return None
    short = [name for name in scenarios if there[name] < share]
    count = "1 prompt is" if missing == 1 else f"{missing} prompts are"
    return (
        f"{count} missing for a pass, which needs {prompts_needed(settings)}: "
        + "; ".join(_what_writes_more(settings, name, there[name], share, clips) for name in short)
        + "."
    )


def _what_writes_more(
    settings: ValidationPrompts, scenario: str, there: int, wanted: int, clips: Sequence[Clip]
) -> str:
    said = DistinctTexts()
    captions = sum(
        said.add(text)
        for clip in held_out(scenario, clips)
        for text in clip.evidence.matching_captions
    )
    entry = settings.scenarios.get(scenario)
    if captions <= there:
        return (
            f"{scenario} has {there}, and captions of its held-out clips give hardly more, so hold"
            " out more clips, or write some by hand into validation_prompts.yaml"
        )
    replacing = " --replace" if entry is not None else ""
    return (
        f"`slora prompts write {scenario} --count {wanted}{replacing}` writes up to {wanted} out"
        " of captions of its held-out clips"
    )

"""Prompts to be judged by, out of the captions of a scenario's held-out clips.

Pure and deterministic: clips and the scenario's settings in, prompts with labels out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slora_assets.config.data import ScenarioSettings
from slora_assets.config.validation import WrittenPrompt
from slora_assets.curation.distinct import DistinctTexts, Words, words_of
from slora_assets.curation.prompts import normalise
from slora_assets.curation.validation_prompts import held_out
from slora_assets.documents import Clip

_PLAIN: Final = "{caption}"
"""A template that prompts share nothing by."""
_OF_THE_VIDEO: Final = words_of(
    "video clip footage film movie movies camera screen picture image photo recording slideshow"
)
"""A caption with one of these is likely to be about the video, not about what it shows."""
_MEANT: Final = range(3, 11)
"""Words, but for articles and the like, that make a prompt which says enough and not too much."""


@dataclass(frozen=True)
class HeldOutPrompts:
    """What the captions gave."""

    prompts: list[WrittenPrompt]
    clips: int
    trained_on: int
    """So many of the prompts, the last ones, say what a training clip's prompt says too."""


@dataclass(frozen=True)
class _Caption:
    text: str
    words: Words
    subject: str
    merit: float


@dataclass(frozen=True)
class _Candidate:
    """A caption in a template."""

    text: str
    caption: _Caption
    template: str
    trained_on: bool


def held_out_prompts(
    scenario: str, settings: ScenarioSettings, clips: Sequence[Clip], count: int
) -> HeldOutPrompts:
    """At most `count` prompts that differ, out of the matching captions of validation clips.

    One by one, each from a source that has given fewest so far: the caption that agrees most with
    the others of its clip and is least like the prompts there are, in the template that was used
    least. No two captions say the same. A caption comes in a second template only when no other is
    left, and one that a training clip is described with last of all. More prompts begin with
    those that fewer would have been.
    """
    mine = held_out(scenario, clips)
    seen = DistinctTexts()
    for clip in clips:
        if clip.scenario == scenario and clip.split == "train":
            for prompt in clip.prompts:
                seen.add(prompt)
    candidates = [
        _Candidate(text, caption, template, trained_on=text in seen)
        for caption in _captions(mine, _clips_that_say(scenario, clips))
        for template in settings.prompt_templates
        if (text := _in_template(template, caption.text, settings.description))
    ]
    chosen = _choose(candidates, count)
    return HeldOutPrompts(
        [_labelled(one) for one in chosen], len(mine), sum(one.trained_on for one in chosen)
    )


def _in_template(template: str, caption: str, description: str) -> str:
    return normalise(template.format(caption=caption, description=description))


def _labelled(one: _Candidate) -> WrittenPrompt:
    template = None if one.template == _PLAIN else one.template
    return WrittenPrompt(text=one.text, subject=one.caption.subject, template=template)


def _clips_that_say(scenario: str, clips: Sequence[Clip]) -> Counter[str]:
    """Word to the clips of the scenario that any caption says it of."""
    return Counter(
        word
        for clip in clips
        if clip.scenario == scenario
        for word in frozenset[str]().union(*map(words_of, clip.captions))
    )


def _captions(clips: Sequence[Clip], known: Mapping[str, int]) -> Iterator[_Caption]:
    """Captions that say different things, the best wording of each."""
    names: dict[str, str] = {}
    found: list[_Caption] = []
    for clip in sorted(clips, key=lambda clip: clip.id):
        subject = names.setdefault(clip.source_group, clip.id)
        said = [words_of(caption) for caption in clip.captions]
        for text in sorted({normalise(text) for text in clip.evidence.matching_captions}):
            words = words_of(text)
            # What stands for an environment variable can't be written into a YAML.
            if words and "${" not in text:
                found.append(_Caption(text, words, subject, _merit(words, said, known)))
    distinct = DistinctTexts()
    for caption in sorted(found, key=lambda one: (-one.merit, one.text, one.subject)):
        if distinct.add(caption.text):
            yield caption


def _merit(words: Words, said: Sequence[Words], known: Mapping[str, int]) -> float:
    """At most 1: how many of its clip's captions have its words, less for what is likely a slip or
    no description at all."""
    agreed = sum(word in other for word in words for other in said) / (len(words) * len(said))
    odd = sum(known[word] < 2 for word in words) / len(words)
    off = bool(words & _OF_THE_VIDEO) + (len(words) not in _MEANT)
    return agreed - odd - off


def _choose(candidates: Sequence[_Candidate], count: int) -> list[_Candidate]:
    chosen: list[_Candidate] = []
    texts = DistinctTexts()
    used: Counter[object] = Counter()
    likeness = dict.fromkeys({one.caption for one in candidates}, 0.0)

    def order(one: _Candidate) -> tuple[object, ...]:
        caption = one.caption
        return (
            one.trained_on,
            used[caption],
            used[caption.subject],
            used["template", one.template],
            used[caption.subject, one.template],
            likeness[caption] - caption.merit,
            one.text,
        )

    left = list(candidates)
    while left and len(chosen) < count:
        best = min(left, key=order)
        left.remove(best)
        if not texts.add(best.text):
            continue
        chosen.append(best)
        caption = best.caption
        used.update(
            (
                caption,
                caption.subject,
                ("template", best.template),
                (caption.subject, best.template),
            )
        )
        for other in likeness:
            likeness[other] = max(likeness[other], _alike(caption.words, other.words))
    return chosen


def _alike(one: Words, other: Words) -> float:
    """Share of their words that both have, from 0 to 1."""
    return len(one & other) / len(one | other)

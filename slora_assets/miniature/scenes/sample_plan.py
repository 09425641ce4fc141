"""What the sample footage consists of, decided before anything is drawn: a pure function of a seed.

Clips, sources, splits, actors and captions; also their annotations in MSR-VTT's JSON format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from slora_assets.miniature.scenes.actors import HEADINGS, Actor, tinted
from slora_assets.miniature.scenes.canvas import ASPECT
from slora_assets.miniature.scenes.captions import place_captions, with_typo
from slora_assets.miniature.scenes.figures import HALF_WIDTHS
from slora_assets.miniature.scenes.looks import LOOKS, Lane, Look
from slora_assets.miniature.scenes.other_looks import OTHER_LOOKS
from slora_assets.provenance import Json

CAPTIONS_PER_CLIP: Final = 20
_SPLITS: Final = ("train",) * 16 + ("validate",) * 2 + ("test",) * 6
_ALONE: Final = 0.8
"""Share of clips that show their captions' subject alone: whoever else passes, no caption names."""
_TYPO_EVERY: Final = 12
"""One clip in so many has a misspelt caption."""


class Role(NamedTuple):
    """What a clip's captions speak of."""

    subject: str
    colour: str
    direction: str


@dataclass(frozen=True)
class ClipPlan:
    """One clip: everything its drawing and its annotation depend on."""

    number: int
    place: str
    source: int
    """Counts source videos; clips of one source share the background."""
    start_s: float
    duration_s: float
    fps: int
    split: str
    actors: tuple[Actor, ...]
    captions: tuple[str, ...]

    @property
    def video_id(self) -> str:
        """MSR-VTT's name of the clip."""
        return f"video{self.number}"

    @property
    def look(self) -> Look:
        """How the place is painted."""
        return _look(self.place)


def plan_footage(seed: int, clips_per_scenario: int, others: int) -> list[ClipPlan]:
    """All clips in the order of their numbers; scenarios are mixed, as in a real data set.

    Within a place subjects, colours and directions are dealt out evenly, the clips to train on
    first: by chance alone a dozen clips of the street would show no red person.
    """
    rng = np.random.default_rng([seed, 1])
    slots: list[tuple[str, int, int]] = []
    roles: list[Role] = []
    sources = 0
    other_places = list(OTHER_LOOKS)
    groups = [(place, clips_per_scenario) for place in LOOKS]
    groups += [
        (place, len(range(first, others, len(other_places))))
        for first, place in enumerate(other_places)
    ]
    for place, count in groups:
        for index in range(count):
            slots.append((place, sources + 1 + _source(index), index))
        sources += 1 + _source(count - 1) if count else 0
        roles += _dealt(np.random.default_rng([seed, 5, len(slots)]), _look(place), count)
    order = rng.permutation(len(slots))
    return [
        plan_clip(seed, number, *slots[int(slot)], alone=_ALONE, role=roles[int(slot)])
        for number, slot in enumerate(order)
    ]


def msr_vtt(plans: Sequence[ClipPlan]) -> dict[str, Json]:
    """The content of `videodatainfo.json`."""
    videos: list[Json] = [
        {
            "id": plan.number,
            "video_id": plan.video_id,
            "video": f"{plan.video_id}.mp4",
            "category": plan.look.category,
            "url": f"https://videos.example.org/watch?v=slora{plan.source:04d}",
            "start time": plan.start_s,
            "end time": round(plan.start_s + plan.duration_s, 2),
            "split": plan.split,
        }
        for plan in plans
    ]
    captions = [(plan.video_id, caption) for plan in plans for caption in plan.captions]
    sentences: list[Json] = [
        {"sen_id": number, "video_id": video_id, "caption": caption}
        for number, (video_id, caption) in enumerate(captions)
    ]
    info: dict[str, Json] = {
        "contributor": "slora",
        "description": "Rendered sample footage in the format of MSR-VTT",
        "version": "1.0",
        "year": "2026",
    }
    return {"info": info, "videos": videos, "sentences": sentences}


def plan_clip(
    seed: int,
    number: int,
    place: str,
    source: int,
    index: int = 0,
    alone: float = 0.5,
    role: Role | None = None,
) -> ClipPlan:
    """Clip `number` of the footage `seed`: the `index`-th of its place, cut from a source.

    `alone` is the chance that its captions' subject is the only one; `role` that subject's, drawn
    by chance where it isn't given.
    """
    rng = np.random.default_rng([seed, 2, number])
    actors = _actors(rng, _look(place), alone, role)
    captions = place_captions(rng, place, actors[0], CAPTIONS_PER_CLIP)
    if number % _TYPO_EVERY == 0:
        captions[-1] = with_typo(rng, captions[-1])
    rng.shuffle(captions)
    duration = float(rng.uniform(3.0, 4.2) if rng.random() < 0.8 else rng.uniform(4.2, 6.0))
    fps = int(rng.choice([24, 25, 30]))
    return ClipPlan(
        number=number,
        place=place,
        source=source,
        start_s=round(float(rng.uniform(0, 20)) + 40.0 * (index % 3 == 2), 2),
        duration_s=round(duration * fps) / fps,
        fps=fps,
        split=_split(index),
        actors=tuple(actors),
        captions=tuple(captions),
    )


def _look(place: str) -> Look:
    return LOOKS.get(place) or OTHER_LOOKS[place]


def _source(index: int) -> int:
    """Of three clips of a place two share a source: 24 clips come from 16 videos."""
    return index - (index + 1) // 3


def _split(index: int) -> str:
    return _SPLITS[(index * 5) % len(_SPLITS)]


def _dealt(rng: np.random.Generator, look: Look, count: int) -> list[Role]:
    """A role for each of a place's clips. Every subject and then every colour comes once before
    any comes again, and goes the other way the next time."""
    subjects = list(dict.fromkeys(lane.subject for lane in look.lanes))
    colours = [[str(one) for one in rng.permutation(look.colours)] for _ in subjects]
    roles = []
    for number in range(count):
        at, who = divmod(number, len(subjects))
        again, colour = divmod(at, len(look.colours))
        way = look.directions[(again + colour + who) % len(look.directions)]
        roles.append(Role(subjects[who], colours[who][colour], way))
    held_out = {_source(index) for index in range(count) if _split(index) != "train"}
    trained_first = sorted(range(count), key=lambda index: _source(index) in held_out)
    return [role for _, role in sorted(zip(trained_first, roles, strict=True))]


def _actors(
    rng: np.random.Generator, look: Look, alone: float, role: Role | None = None
) -> list[Actor]:
    """The captions' subject first, then up to two others in colours of their own."""
    lanes = [look.lanes[int(number)] for number in rng.permutation(len(look.lanes))]
    colours = [str(colour) for colour in rng.permutation(look.colours)]
    shares = [alone, 0.7 * (1 - alone), 0.3 * (1 - alone)]
    count = min(len(lanes), int(rng.choice([1, 2, 3], p=shares)))
    main = str(rng.choice(look.directions))
    if role is not None:
        main = role.direction
        lanes.sort(key=lambda lane: lane.subject != role.subject)
        colours.sort(key=lambda colour: colour != role.colour)
    # The others mostly go the same way, and start ahead or behind, so that nobody hides the first.
    ways = [main] + [
        main if rng.random() < 0.6 else str(rng.choice(look.directions)) for _ in range(count - 1)
    ]
    return [
        _actor(rng, lanes[number], colours[number], ways[number], ahead=number / count)
        for number in range(count)
    ]


def _actor(
    rng: np.random.Generator, lane: Lane, colour: str, direction: str, ahead: float
) -> Actor:
    """An actor of the lane; with `ahead` 0 wholly in the picture at second 0, most way to go."""
    reach = lane.size * HALF_WIDTHS[lane.subject]
    across = HEADINGS[direction][0]
    start = float(rng.uniform(reach, reach + 0.4 * (ASPECT - 2 * reach)))
    start += ahead * (ASPECT + 2 * reach)
    return Actor(
        subject=lane.subject,
        colour=colour,
        direction=direction,
        x=ASPECT - start if across < 0 else start,
        y=lane.y + float(rng.normal(0, 0.012)),
        speed=float(rng.uniform(0.45, 0.6)),
        size=lane.size * float(rng.uniform(0.94, 1.06)),
        tint=tinted(rng, colour),
        phase=float(rng.random()),
    )

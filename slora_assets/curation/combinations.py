"""Some of all combinations of subjects, motions and templates, so that each has its even share.

Pure: how many there are of each in, places in their lists out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import lcm
from typing import NamedTuple

_Pair = tuple[int, int]
_Place = tuple[str, int, int]
"""One end of a prompt: subject or motion, which, and which group of its uses."""


class Combination(NamedTuple):
    """Places in the lists of subjects, motions and templates."""

    subject: int
    motion: int
    template: int


def balanced(subjects: int, motions: int, templates: int, count: int) -> list[Combination]:
    """The first `count` combinations of a walk in which no part is favoured.

    Subjects and motions are walked like the diagonals of a table, around its edges: one step is
    the next subject with the next motion. Where that would come back to a pair it has had, it goes
    on one motion further. So subjects are all used before one repeats, motions as well, and all
    pairs before one repeats.

    Templates are dealt to these pairs so that they are as even as can be: of the prompts of one
    subject no template has two more than another, of those of one motion neither, and of all
    neither. Pairs are then the edges between subjects and motions, templates the colours of the
    edges, and by König's theorem such a colouring exists. A Latin square is its simplest case.

    Once all pairs are used they come again in the same order, each with the template after the one
    that it had, so that no combination comes twice; templates are then nearly as even.
    """
    cycle = subjects * motions
    turn = lcm(subjects, motions)
    pairs = [(i % subjects, (i + i // turn) % motions) for i in range(min(count, cycle))]
    rest = count % cycle  # dealt for themselves, as the last round ends with them
    dealt = _even(pairs[:rest], templates) + _even(pairs[rest:], templates)
    return [
        Combination(*pairs[i % cycle], (dealt[i % cycle] + i // cycle) % templates)
        for i in range(count)
    ]


def _even(pairs: Sequence[_Pair], colours: int) -> list[int]:
    """A colour for each pair, evenly for each subject, for each motion and in all.

    A subject's pairs are parted into groups of as many as there are colours, a motion's too, and
    no group gets a colour twice: all but the last of them then have each colour once.
    """
    deal = _Deal(colours)
    for pair in pairs:
        deal.add(pair)
    deal.level()
    return deal.colour_of


class _Deal:
    """Pairs with colours, of which no group has one twice."""

    def __init__(self, colours: int) -> None:
        self._colours = range(colours)
        self._uses = Counter[tuple[str, int]]()
        self._ends: list[tuple[_Place, _Place]] = []
        self._at: dict[_Place, dict[int, int]] = {}
        """Group to colour to the pair, by number, that has it."""
        self.colour_of: list[int] = []

    def add(self, pair: _Pair) -> None:
        """Deal a colour to one more pair; those before it may change theirs for it."""
        subject, motion = self._place("subject", pair[0]), self._place("motion", pair[1])
        here, there = (
            [c for c in self._colours if c not in self._at[end]] for end in (subject, motion)
        )
        both = [colour for colour in here if colour in there]
        if both:
            chosen = min(both, key=self.colour_of.count)
        else:
            # The way leads back to subjects by the other colour alone, so not to this subject.
            chosen = here[0]
            self._swap(self._way(motion, chosen, there[0]), chosen, there[0])
        self._ends.append((subject, motion))
        self.colour_of.append(chosen)
        self._note(len(self._ends) - 1)

    def level(self) -> None:
        """Change colours until none is dealt twice more often than another, all groups as even."""
        while True:
            dealt = {colour: self.colour_of.count(colour) for colour in self._colours}
            most, least = max(dealt, key=lambda c: dealt[c]), min(dealt, key=lambda c: dealt[c])
            if dealt[most] - dealt[least] <= 1:
                return
            starts = [end for end, has in self._at.items() if most in has and least not in has]
            ways = (self._way(start, most, least) for start in starts)
            # `most` has more pairs, so one of the ways both begins and ends with it.
            self._swap(next(way for way in ways if len(way) % 2), most, least)

    def _place(self, kind: str, number: int) -> _Place:
        """The group that the next pair of a subject or motion belongs to."""
        place = (kind, number, self._uses[kind, number] // len(self._colours))
        self._uses[kind, number] += 1
        self._at.setdefault(place, {})
        return place

    def _way(self, start: _Place, first: int, second: int) -> list[int]:
        """The pairs met from a group on by one colour and the other in turn."""
        way: list[int] = []
        place, colour, other = start, first, second
        while colour in self._at[place]:
            pair = self._at[place][colour]
            way.append(pair)
            one, two = self._ends[pair]
            place = two if place == one else one
            colour, other = other, colour
        return way

    def _swap(self, way: Sequence[int], first: int, second: int) -> None:
        for pair in way:
            for end in self._ends[pair]:
                del self._at[end][self.colour_of[pair]]
        for pair in way:
            self.colour_of[pair] = second if self.colour_of[pair] == first else first
            self._note(pair)

    def _note(self, pair: int) -> None:
        for end in self._ends[pair]:
            self._at[end][self.colour_of[pair]] = pair

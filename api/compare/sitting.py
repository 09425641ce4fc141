"""One running comparison: pairs under random names, what a person sees next, choices kept."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from api.compare.blind import in_order, left_side, padded, padded_size
from api.compare.errors import NoSuchPair, SamplesChanged
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Comparison, Pressed
from slora_assets.provenance import file_stamp
from slora_assets.validation.preferences.choices import (
    keep_choice,
    read_choices,
    standing_choices,
)
from slora_assets.validation.preferences.samples import SamplePair


class PairView(BaseModel):
    """Two clips without labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    prompt: str
    left: str
    """Where the clip is, at this service."""
    right: str
    pressed: Pressed | None
    """What this person pressed before."""


class View(BaseModel):
    """What a person sees, and how far they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    total: int
    done: int
    position: int
    """Of the pair, from 0; `total` behind the last one."""
    pair: PairView | None
    """None: everything is judged."""


@dataclass(frozen=True)
class _Named:
    """A pair and its two clips, under names of this process."""

    pair: SamplePair
    id: str
    base: str
    adapter: str
    stamps: tuple[tuple[int, ...], tuple[int, ...]]
    size: int


class Sitting:
    """Handlers stay thin: read, refuse, call this."""

    def __init__(self, workspace: Workspace, pairs: Sequence[SamplePair]) -> None:
        self._workspace = workspace
        self._pairs = list(pairs)
        self._named = {_key(pair): _named(pair) for pair in pairs}
        self._by_id = {one.id: one for one in self._named.values()}
        self._by_clip = {
            clip: (one, path)
            for one in self._named.values()
            for clip, path in ((one.base, one.pair.base), (one.adapter, one.pair.adapter))
        }

    def view(self, person: str, position: int | None = None) -> View:
        """The pair at `position` in this person's order, by default the first not judged yet.

        Raises NoSuchPair.
        """
        ordered, pressed = in_order(person, self._pairs), self._pressed(person)
        if position is None:
            open_ = (i for i, pair in enumerate(ordered) if _key(pair) not in pressed)
            position = next(open_, len(ordered))
        elif not 0 <= position < len(ordered):
            raise NoSuchPair(f"There are {len(ordered)} pairs.")
        shown = None
        if position < len(ordered):
            named = self._named[_key(ordered[position])]
            clips = [named.base, named.adapter]
            if left_side(person, named.pair) == "adapter":
                clips.reverse()
            shown = PairView(
                id=named.id,
                prompt=named.pair.prompt,
                left=f"/clips/{clips[0]}",
                right=f"/clips/{clips[1]}",
                pressed=pressed.get(_key(named.pair)),
            )
        return View(
            person=person, total=len(ordered), done=len(pressed), position=position, pair=shown
        )

    def choose(self, person: str, pair_id: str, pressed: Pressed) -> None:
        """Keep a choice. Raises NoSuchPair, and SamplesChanged when what was shown is gone."""
        named = self._by_id.get(pair_id)
        if named is None:
            raise NoSuchPair("No pair has this name now; names change when the page is restarted.")
        _check_unchanged(named)
        pair = named.pair
        choice = Comparison(
            person=person,
            run=pair.run,
            prompt_id=pair.prompt_id,
            seed=pair.seed,
            pressed=pressed,
            left=left_side(person, pair),
            adapter_sha256=pair.adapter_sha256,
            validation_hash=pair.validation_hash,
        )
        keep_choice(self._workspace.comparisons(pair.run), choice)

    def clip(self, clip_id: str) -> bytes:
        """A clip's bytes, as many as the other one of its pair. Raises NoSuchPair,
        SamplesChanged."""
        if clip_id not in self._by_clip:
            raise NoSuchPair("No clip has this name now; names change when the page is restarted.")
        named, path = self._by_clip[clip_id]
        _check_unchanged(named)
        return padded(path.read_bytes(), named.size)

    def _pressed(self, person: str) -> dict[tuple[str, str, int], Pressed]:
        """What this person pressed on the samples of now."""
        found: dict[tuple[str, str, int], Pressed] = {}
        of_runs = {pair.run: pair for pair in self._pairs}
        for run, any_ in of_runs.items():
            lines = read_choices(self._workspace.comparisons(run))
            standing = standing_choices(lines, any_.adapter_sha256, any_.validation_hash).standing
            for one in standing:
                key = (run, one.prompt_id, one.seed)
                if one.person == person and key in self._named:
                    found[key] = one.pressed
        return found


def _key(pair: SamplePair) -> tuple[str, str, int]:
    return pair.run, pair.prompt_id, pair.seed


def _named(pair: SamplePair) -> _Named:
    stamps = file_stamp(pair.base), file_stamp(pair.adapter)
    sizes = (pair.base.stat().st_size, pair.adapter.stat().st_size)
    return _Named(
        pair=pair,
        id=secrets.token_hex(16),
        base=secrets.token_hex(16),
        adapter=secrets.token_hex(16),
        stamps=stamps,
        size=padded_size(*sizes),
    )


def _check_unchanged(named: _Named) -> None:
    if (file_stamp(named.pair.base), file_stamp(named.pair.adapter)) != named.stamps:
        raise SamplesChanged("The samples were made again meanwhile; start `make compare` again.")

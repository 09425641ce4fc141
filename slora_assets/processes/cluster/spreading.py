"""Shares a list of inputs out among the nodes of a cluster; results come back in order.

Each node does with its shares what one machine does with all: the same functions, in a process of
ours there that keeps what is dear to begin with (decoders, a model). A node that dies costs the
shares that it had, which others do again. No more is given out than is soon read, so memory stays
flat.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Final, Generic, TypeVar

from slora_assets.config.errors import UnreadableError
from slora_assets.processes.cluster.connection import Place, connected, places
from slora_assets.processes.cores import allot
from slora_assets.processes.preloading import configure_libraries

Given = TypeVar("Given")
Made = TypeVar("Made")
Work = Callable[[list[Given]], list[Made]]
"""What a node does with a share: a result for each input, in order. Two threads call it."""
OpenWork = Callable[[], AbstractContextManager[Work[Given, Made]]]
"""Makes a node ready for its shares; importable by name, as its arguments are."""

_LARGEST_SHARE: Final = 16
_SHARES_EACH: Final = 4
"""So many shares for each place at least: the last are not waited for long."""
_SIDE_BY_SIDE: Final = 2
"""Shares that a place works on: at the beginning of each there is nothing to encode yet, and at its
end nothing to decode any more."""
_AT_ONCE: Final = _SIDE_BY_SIDE + 1
"""Shares that a place has: one is there already when another ends."""
_AHEAD: Final = 4
"""Shares for each place that may be done before they are read."""
_LOSSES: Final = 3
"""So often a place may lose our process until it is left alone."""
_WAIT_S: Final = 600.0
"""So long a cluster without any place is waited for."""


def spread(
    open_work: OpenWork[Given, Made], given: Sequence[Given], *, gpus: bool = False
) -> Iterator[Made]:
    """What the work makes of each input, in order. `gpus`: it wants one where there are any.

    What it raises on a node is raised here. Raises ConfigError where there is no cluster,
    UnreadableError when it has no place (any more) to work at. What was started on the cluster ends
    with the iterator, read to its end or closed.
    """
    if not given:
        return
    with connected():
        crew: _Crew[Given, Made] = _Crew(open_work, gpus)
        try:
            yield from crew.made(given)
        finally:
            crew.end()


class _OnNode(Generic[Given, Made]):
    """Our process on a node."""

    def begin(self, open_work: OpenWork[Given, Made], cores: int) -> None:
        configure_libraries()
        allot(cores)
        # Decoders' processes would each run Ray's own script again, as multiprocessing has it.
        vars(sys.modules["__main__"]).pop("__file__", None)
        self._open = ExitStack()  # without a name it would be closed at once
        self._work = self._open.enter_context(open_work())

    def make(self, share: list[Given]) -> list[Made]:
        return self._work(share)


class _Crew(Generic[Given, Made]):
    def __init__(self, open_work: OpenWork[Given, Made], gpus: bool) -> None:
        self._open_work, self._gpus = open_work, gpus
        self._actors: dict[Place, Any] = {}
        self._begun: set[Place] = set()
        self._refs: dict[Any, tuple[Place, int | None]] = {}
        """What is waited for: of a place the share with that number, or that it has begun."""
        self._lost: Counter[Place] = Counter()

    def made(self, given: Sequence[Given]) -> Iterator[Made]:
        self._hire()
        size = len(given) // (_SHARES_EACH * max(1, len(self._actors)))
        size = min(max(1, size), _LARGEST_SHARE)
        shares = [list(given[at : at + size]) for at in range(0, len(given), size)]
        todo, done, read = deque(range(len(shares))), {}, 0
        while read < len(shares):
            self._give_out(shares, todo, read)
            for number, results in self._next(todo):
                done[number] = results
            while read in done:
                yield from done.pop(read)
                read += 1

    def _hire(self) -> None:
        """Start a process at each place that has none; wait for a cluster that has no place."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        until = time.monotonic() + _WAIT_S
        while True:
            free = [p for p in places(self._gpus) if self._lost[p] < _LOSSES]
            if free:
                break
            if self._lost or time.monotonic() > until:
                raise UnreadableError(
                    "the cluster has no node with a core that our processes live on",
                    remedy="look at its logs, and that slora is installed on its nodes",
                )
            time.sleep(1.0)
        for place in free:
            if place in self._actors:
                continue
            actor = ray.remote(_OnNode).options(
                num_cpus=place.cores,
                num_gpus=place.gpus,
                max_concurrency=_SIDE_BY_SIDE,
                scheduling_strategy=NodeAffinitySchedulingStrategy(place.node, soft=False),
            )
            self._actors[place] = actor.remote()
            begun = self._actors[place].begin.remote(self._open_work, place.cores)
            self._refs[begun] = place, None

    def _give_out(self, shares: list[list[Given]], todo: deque[int], read: int) -> None:
        """Only to those that have begun: who waits for another job's cores would keep a share from
        being done, and the other job may wait for ours."""
        had = Counter(place for place, number in self._refs.values() if number is not None)
        for _ in range(_AT_ONCE):
            for place in sorted(self._begun, key=lambda place: had[place]):
                near = todo and todo[0] < read + _AHEAD * len(self._begun)
                if near and had[place] < _AT_ONCE:
                    number = todo.popleft()
                    self._refs[self._actors[place].make.remote(shares[number])] = place, number
                    had[place] += 1

    def _next(self, todo: deque[int]) -> Iterator[tuple[int, list[Made]]]:
        """Shares that have come back since."""
        import ray
        from ray.exceptions import RayActorError, RaySystemError, RayTaskError

        ready, _ = ray.wait(list(self._refs), timeout=5.0)
        for ref in ready:
            if ref not in self._refs:  # its place was lost a moment ago
                continue
            place, number = self._refs[ref]
            try:
                result = ray.get(ref)
            except RayTaskError as error:
                raise error.cause from error
            except (RayActorError, RaySystemError, ray.exceptions.ObjectLostError):
                self._lose(place, todo)
                continue
            del self._refs[ref]
            if number is None:
                self._begun.add(place)
            else:
                yield number, result

    def _lose(self, place: Place, todo: deque[int]) -> None:
        """What the place had is to be done again, soonest what is waited for."""
        self._lost[place] += 1
        numbers = [n for at, n in self._refs.values() if at == place and n is not None]
        self._refs = {ref: one for ref, one in self._refs.items() if one[0] != place}
        todo.extendleft(sorted(numbers, reverse=True))
        self._begun.discard(place)
        self._kill(self._actors.pop(place))
        self._hire()

    def end(self) -> None:
        for actor in self._actors.values():
            self._kill(actor)

    @staticmethod
    def _kill(actor: Any) -> None:
        import ray

        ray.kill(actor)

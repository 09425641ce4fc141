"""One link of the chain from a file to what it was made from, and the tree that links form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["holds", "replaced", "erased", "elsewhere", "broken"]
"""`replaced`: what it was made from has a later version since, which is no fault. `erased`: on
purpose. `elsewhere`: not on this machine, so nobody looked."""


@dataclass
class Link:
    """A file, or a group of files, and what was found."""

    what: str
    """The kind of thing it is."""
    path: str
    """Relative to the workspace where it lies inside."""
    state: State = "holds"
    says: str = ""
    """What was found, and what that means where it is a fault."""
    parents: list[Link] = field(default_factory=list)

    def broken(self) -> Iterator[Link]:
        """The links that don't hold, this one's own first, each once."""
        seen: set[int] = set()
        for link in self._walk(seen):
            if link.state == "broken":
                yield link

    def lines(self, depth: int = 0, seen: set[int] | None = None) -> Iterator[str]:
        """The tree as a person reads it; what was shown above is not unfolded again."""
        seen = set() if seen is None else seen
        known = id(self) in seen
        seen.add(id(self))
        again = " (see above)" if known and self.parents else ""
        said = f": {self.says}" if self.says and not known else ""
        yield f"{self.state:<9} {'  ' * depth}{self.what} {self.path}{again}{said}"
        for parent in () if known else self.parents:
            yield from parent.lines(depth + 1, seen)

    def document(self) -> dict[str, Any]:
        """The tree as JSON."""
        return {
            "what": self.what,
            "path": self.path,
            "state": self.state,
            "says": self.says,
            "parents": [parent.document() for parent in self.parents],
        }

    def _walk(self, seen: set[int]) -> Iterator[Link]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield self
        for parent in self.parents:
            yield from parent._walk(seen)


def of_nobody(where: str) -> Link:
    """A file where a stage should have written one."""
    return Link("file", where, "broken", "no stage put this file on record")

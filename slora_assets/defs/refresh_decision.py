"""Whether footage and annotations call for a refresh, as pure functions: the sensor only looks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from slora_assets.provenance import object_hash


class FootageCursor(TypedDict):
    """The cursor: what the last look saw, and for which listing scenarios were requested."""

    listing: str
    requested: str


@dataclass(frozen=True)
class Decision:
    """What to remember, and whether this listing is to be acted on."""

    seen: FootageCursor
    act: bool
    why: str


def listing_of(files: Iterable[Path]) -> str:
    """A hash over names, sizes and modification times; changes while a file still grows."""
    stats = {str(path): path.stat() for path in files}
    return object_hash({name: [s.st_size, str(s.st_mtime_ns)] for name, s in stats.items()})


def decide(seen: FootageCursor, listing: str) -> Decision:
    """Act on a listing that stood still between two looks and was not acted on before."""
    if listing == seen["requested"]:
        return Decision({**seen, "listing": listing}, False, "nothing changed")
    if listing != seen["listing"]:
        return Decision({**seen, "listing": listing}, False, "files are still arriving")
    return Decision({"listing": listing, "requested": listing}, True, "new footage stands still")


def changed_scenarios(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Scenarios whose manifest hash differs from the last one, in the order of `now`."""
    return [scenario for scenario, digest in now.items() if before.get(scenario) != digest]

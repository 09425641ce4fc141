"""What a worker on another machine tells the command that started it there: lines on its standard
output, two kinds of which are marked. Everything else that it prints is passed on as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from slora_assets.provenance import Json

WORK: Final = "SLORA_CLUSTER_WORK"
"""Environment variable: what the worker does, in a word that no other work of the workspace has.
Where it is set, accelerators are the cluster's to give, and only workers of the same work wait for
each other."""

_SAYS: Final = "slora-says: "
_HANDS_OVER: Final = "slora-hands-over: "


def say(line: str) -> None:
    """Have the other end report a line."""
    print(_SAYS + line, flush=True)


def hand_over(result: Json) -> None:
    """Give the other end a result."""
    print(_HANDS_OVER + json.dumps(result), flush=True)


def heard(
    line: str,
    report: Callable[[str], None],
    take: Callable[[Json], None],
    pass_on: Callable[[str], None],
) -> None:
    """Do with a line what its kind asks for."""
    if line.startswith(_SAYS):
        report(line.removeprefix(_SAYS))
    elif line.startswith(_HANDS_OVER):
        take(json.loads(line.removeprefix(_HANDS_OVER)))
    else:
        pass_on(line)

"""Puts what `dg list defs --json` says on standard input into one order, so that answers compare:
`dg list defs --json | python docs/tools/sorted_definitions.py > docs/definitions.json`.

Dagster lists checks in another order each time.
"""

import json
import sys
from typing import Any


def ordered(value: Any) -> Any:
    """The same with every list of things in the order of their text."""
    if isinstance(value, dict):
        return {key: ordered(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return sorted((ordered(one) for one in value), key=lambda one: json.dumps(one))
    return value


if __name__ == "__main__":
    print(json.dumps(ordered(json.load(sys.stdin)), indent=1))

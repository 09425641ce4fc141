"""`make demo`: the whole graph on the sample footage, then what came out and where it lies."""

import argparse
from typing import Any, Final

from slora_assets.config import edge
from slora_assets.config.environment import check_switches

_OPTIMIZED: Final = "market_floor"
"""The scenario that `make optimized` asks for."""


def demo() -> int:
    """Run everything and print the outcome. Returns the exit status."""
    argparse.ArgumentParser(
        prog="python -m slora_assets.defs.demo",
        description="The whole graph on the sample footage, some sixteen minutes on two cores.",
        epilog="All settings are environment variables: docs/settings.md lists them.",
    ).parse_args()
    # Here, where Ctrl-C is one line already.
    from slora_assets.config.workspace import Workspace
    from slora_assets.defs.launch.jobs_in_turn import run_verbs
    from slora_assets.deployment.summary import summarise, summary_lines

    check_switches()
    status = run_verbs(["demo"])
    workspace = Workspace.from_environment()
    document = summarise(workspace)
    print("\nWhere things are")
    for name, row in document["rows"].items():
        if "adapter" in row:
            print(f"  {name}")
            for key in ("adapter", "metrics", "samples", "report"):
                if key in row:
                    print(f"    {key:<8} {row[key]}")
    print(f"  summary  {workspace.relative(workspace.summary / 'summary.md')}")
    print(f"  pages    {workspace.relative(workspace.project_report)}")
    print("\nBase against adapter")
    for line in summary_lines(document):
        print(f"  {line}")
    print("\nNext")
    for line in next_steps(document):
        print(f"  {line}")
    return status


def next_steps(document: dict[str, Any]) -> list[str]:
    """What a person can do now: an adapter whose verdict is `fail` is served to nobody."""
    from slora_assets.config.workspace import UNIFIED

    rows = document["rows"]
    passed = [name for name, row in rows.items() if row.get("state") == "pass" and name != UNIFIED]
    steps = ["`make ui` shows the graph with plots and clips, `make report` writes pages to read"]
    if rows.get(_OPTIMIZED, {}).get("state") == "fail":
        steps.append(f"the report of {_OPTIMIZED} says why its adapter may not be served")
    else:
        steps.append(f"`make optimized` generates a clip of {_OPTIMIZED} at strength 0.85")
    if passed:
        name = _OPTIMIZED if _OPTIMIZED in passed else passed[0]
        steps.append(
            f"{', '.join(passed)} may be served: `.venv/bin/slora promote {name} --by <you>"
            " --reason <why>`, then `make serve`"
        )
        steps.append("`make sweep` says at which other strengths they may be")
    return steps


if __name__ == "__main__":
    edge.run(demo)

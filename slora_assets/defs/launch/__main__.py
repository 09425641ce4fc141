"""`python -m slora_assets.defs.launch data preprocess`, or `ui`.

A file of its own: processes that decode would import the program's main module again, and with it
all of Dagster, were it called anything else.
"""

import sys

from slora_assets.config import edge
from slora_assets.config.environment import check_switches, recipe_overrides
from slora_assets.defs.launch.verbs import UI, VERBS, are_verbs
from slora_assets.processes.garbage import end_without_a_look, look_for_garbage_seldom


def main(verbs: list[str]) -> int:
    """Run verbs, or become the UI. Returns the exit status."""
    look_for_garbage_seldom()
    check_switches()
    recipe_overrides()
    if verbs != [UI] and not are_verbs(verbs):
        print(
            f"usage: python -m slora_assets.defs.launch {' | '.join((*VERBS, UI))}", file=sys.stderr
        )
        return 2
    from slora_assets.defs.launch.jobs_in_turn import run_verbs

    if verbs == [UI]:
        from slora_assets.defs.launch.ui import open_ui

        return run_verbs(["release"]) or open_ui()
    return run_verbs(verbs)


def _run() -> int:
    status = main(sys.argv[1:])
    end_without_a_look()
    return status


if __name__ == "__main__":
    edge.run(_run)

"""`python -m slora_assets.defs.launch data preprocess`, or `ui`.

A file of its own: processes that decode would import the program's main module again, and with it
all of Dagster, were it called anything else.
"""

import sys

from slora_assets.defs.launch.verbs import UI, VERBS, are_verbs

if __name__ == "__main__":
    verbs = sys.argv[1:]
    if verbs != [UI] and not are_verbs(verbs):
        print(
            f"usage: python -m slora_assets.defs.launch {' | '.join((*VERBS, UI))}", file=sys.stderr
        )
        sys.exit(2)
    from slora_assets.defs.launch.jobs_in_turn import run_verbs

    if verbs == [UI]:
        from slora_assets.defs.launch.ui import open_ui

        sys.exit(run_verbs(["release"]) or open_ui())
    sys.exit(run_verbs(verbs))

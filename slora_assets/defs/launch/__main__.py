"""`python -m slora_assets.defs.launch data preprocess`.

A file of its own: processes that decode would import the program's main module again, and with it
all of Dagster, were it called anything else.
"""

import sys

from slora_assets.defs.launch.verbs import VERBS, are_verbs, need_models
from slora_assets.defs.preloaded import MODELS
from slora_assets.processes.preloading import preload_now
from slora_assets.processes.starting import can_fork

if __name__ == "__main__":
    verbs = sys.argv[1:]
    if not are_verbs(verbs):
        print(f"usage: python -m slora_assets.defs.launch {' | '.join(VERBS)}", file=sys.stderr)
        sys.exit(2)
    if can_fork() and need_models(verbs):
        preload_now(MODELS)  # for the workers, while this process imports Dagster
    from slora_assets.defs.launch.jobs_in_turn import run_verbs

    sys.exit(run_verbs(verbs))

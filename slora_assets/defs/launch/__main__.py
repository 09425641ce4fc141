"""`python -m slora_assets.defs.launch`.

A file of its own: processes that decode would import the program's main module again, and with it
all of Dagster, were it called anything else.
"""

import sys

from slora_assets.processes.preloading import preload_models_now
from slora_assets.processes.starting import can_fork

_WITHOUT_MODELS = {"data", "summary", "release"}

if __name__ == "__main__":
    if can_fork() and not _WITHOUT_MODELS.issuperset(sys.argv[1:]):
        preload_models_now()  # for the workers, while this process imports Dagster
    from slora_assets.defs.launch import main

    sys.exit(main(sys.argv[1:]))

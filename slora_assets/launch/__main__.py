"""`python -m slora_assets.launch`.

A file of its own: processes that decode would import the program's main module again, and with it
all of Dagster, were it called anything else.
"""

import gc
import sys

from slora_assets.fork_server import fork_server, is_supported

_WITHOUT_MODELS = {"data", "summary", "release"}

if __name__ == "__main__":
    if is_supported() and not _WITHOUT_MODELS.issuperset(sys.argv[1:]):
        fork_server()  # imports torch for the workers while this process imports Dagster
    from slora_assets.launch import main

    status = main(sys.argv[1:])
    gc.freeze()  # or the interpreter looks through all of Dagster once more before it ends
    sys.exit(status)

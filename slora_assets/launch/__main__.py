"""`python -m slora_assets.launch`.

A file of its own: processes that decode would import the program's main module again, and with it
all of Dagster, were it called anything else.
"""

import sys

from slora_assets.launch import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Import time of the graph beyond Dagster's own, median of five fresh interpreters.

`python benchmarks/load_time.py`
"""

import argparse
import statistics
import subprocess
import sys

_SCRIPT = """
import time
a = time.perf_counter(); import dagster
b = time.perf_counter(); import slora_assets.definitions
c = time.perf_counter(); import sys
print(b - a, c - b, sum(name in sys.modules for name in ("torch", "diffusers")))
"""


def main() -> None:
    """Print the medians and the ratio."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = []
    for _ in range(6):
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
        )
        rows.append([float(part) for part in done.stdout.split()])
    dagster_s, graph_s, heavy = (
        statistics.median(column) for column in zip(*rows[1:], strict=True)
    )
    print(f"import dagster {dagster_s:.2f} s, graph beyond it {graph_s:.2f} s")
    print(f"ratio {graph_s / dagster_s:.2f}, torch or diffusers loaded: {bool(heavy)}")


if __name__ == "__main__":
    main()

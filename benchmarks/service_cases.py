"""Generated requests to every route of a running service, by what its contract says.

Runs schemathesis with all its checks and phases, and counts. It isn't among slora's dependencies:
`--st` names its command, of an environment of its own. Target: 5,000 cases, 0 failures.

    python benchmarks/service_cases.py --st st --examples 250
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from started_service import started, workspace

_SETTINGS = """\
[checks]
# 410 is documented: a valid request whose clip was erased. schemathesis knows 404 alone.
positive_data_acceptance.expected-statuses = [
  "2xx", "3xx", 401, 403, 404, 409, 410, 429, "5xx",
]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--st", default="st", help="the command of schemathesis 4")
    parser.add_argument("--workspace", type=Path, help="default: the small one of the tests")
    parser.add_argument("--examples", type=int, default=250, help="of each route and phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="where its whole report goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = workspace(Path(temporary), options.workspace, max_steps=4, max_queue=1)
        log = options.log or root / "cases.log"
        with started(root) as service, log.open("w") as report:
            command = [options.st, "run", f"{service.url}/openapi.json", "--checks", "all"]
            command += ["--phases", "examples,coverage,fuzzing,stateful", "--warnings", "off"]
            command += ["--max-examples", str(options.examples), "--seed", str(options.seed)]
            command += ["--request-timeout", "120", "--max-response-time", "120"]
            command += ["--continue-on-failure", "--suppress-health-check", "too_slow"]
            (root / "schemathesis.toml").write_text(_SETTINGS)
            done = subprocess.run(command, stdout=report, stderr=report, cwd=root, check=False)
        said = log.read_text()
    summary = re.search(r"(\d+) generated(.*)", said)
    if summary is None:
        sys.exit(said[-2000:])
    routes = re.search(r"Tested: (\d+)", said)
    print("| routes | cases | found |", "| --- | --- | --- |", sep="\n")
    found = summary[2].strip(", ")
    print(f"| {routes[1] if routes else '?'} | {summary[1]} | {found} |")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

"""Where several processes of pytest share the tests, one has all tests of a file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from slora_assets_tests.small_graph import PROJECT

_SIX = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    pass
"""


def test_the_tests_of_a_file_run_in_one_process(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / f"test_{name}.py").write_text(_SIX)
    alone = ["--rootdir", str(tmp_path), "-c", "/dev/null", "-p", "no:cacheprovider"]
    ours = ["-p", "slora_assets_tests.conftest", "-n", "2", "--dist", "loadgroup", "-v"]
    # Whoever runs the tests with options of their own, say a folder for temporary files, would have
    # these processes empty it under the others.
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *alone, *ours, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env=environment,
    )
    ran = re.findall(r"\[(gw\d)\].* PASSED .*test_(one|other)\.py", done.stdout)
    assert len(ran) == 12, done.stdout + done.stderr
    assert len(set(ran)) == 2, "a file's tests were scattered"

"""What holds for every module: public names of the libraries only, and imports that do nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slora_assets_tests.small_graph import PROJECT

_OURS = ("slora_assets", "api", "slora_assets_tests")
_FORBIDDEN = ("ctypes", "atexit")


def _modules() -> list[Path]:
    return sorted([*(PROJECT / "slora_assets").rglob("*.py"), *(PROJECT / "api").rglob("*.py")])


def _is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def _private_names(tree: ast.AST) -> Iterator[str]:
    """Modules and names with a leading underscore that are imported from, or looked up in, what
    isn't ours."""
    foreign: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            foreign |= {(one.asname or one.name).split(".")[0] for one in node.names}
            yield from (one.name for one in node.names if _is_private(one.name))
            yield from (one.name for one in node.names if one.name in _FORBIDDEN)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] not in _OURS:
                foreign |= {one.asname or one.name for one in node.names}
                names = (f"{node.module}.{one.name}" for one in node.names)
                yield from (name for name in names if _is_private(name))
            if node.module in _FORBIDDEN:
                yield node.module
    for node in ast.walk(tree):
        dotted = _dotted(node)
        if dotted and dotted.split(".")[0] in foreign and _is_private(dotted):
            yield dotted


def _dotted(node: ast.AST) -> str | None:
    """`a.b.c`, if that is all there is to an attribute."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return None


@pytest.mark.parametrize(
    "text",
    [
        "from dagster._core.errors import Some",
        "import torch\ntorch.cuda._is_in_bad_fork()",
        "import atexit",
        "import dagster as dg\ndg._core.x",
    ],
)
def test_a_private_name_is_found(text: str) -> None:
    assert list(_private_names(ast.parse(text)))


def test_only_public_names_of_the_libraries_are_used() -> None:
    found = {
        str(path.relative_to(PROJECT)): sorted(set(_private_names(ast.parse(path.read_text()))))
        for path in _modules()
    }
    assert {path: names for path, names in found.items() if names} == {}


_IMPORTS = """
import importlib, json, os, sys, threading
before = dict(os.environ)
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps({
    # polars sets a variable of its own, with an underscore in front.
    "changed": sorted(
        k for k in {*before, *os.environ} if before.get(k) != os.environ.get(k) and k[0] != "_"
    ),
    "threads": threading.active_count(),
}))
"""


def test_importing_our_modules_changes_nothing() -> None:
    """No environment variable, no thread; what a process needs it sets at its entry."""
    rooms = ("config", "documents", "processes", "provenance", "defs", "definitions")
    names = ["slora_assets"]
    for path in _modules():
        parts = path.relative_to(PROJECT).with_suffix("").parts
        if parts[1] in rooms and path.name not in ("__init__.py", "__main__.py"):
            names.append(".".join(parts))
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *names],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    )
    assert done.stdout.strip() == '{"changed": [], "threads": 1}'


def test_a_worker_s_entry_sets_what_the_libraries_read_and_a_user_s_values_win() -> None:
    script = (
        "import os; from slora_assets.processes.preloading import configure_libraries;"
        "configure_libraries();"
        "print(os.environ['GOMP_SPINCOUNT'], os.environ['TOKENIZERS_PARALLELISM'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"GOMP_SPINCOUNT": "17", "PYTHONPATH": str(PROJECT)},
    )
    assert done.stdout.split() == ["17", "false"]


def _defined(file: Path) -> Iterator[str]:
    """Names that a module has for others, as far as its text says."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (one.asname or one.name for one in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_what_benchmarks_and_tools_import_of_ours_is_there() -> None:
    """They are run seldom, so nobody else would notice; and the tests are not installed."""
    missing = []
    for script in sorted([*PROJECT.glob("benchmarks/*.py"), *PROJECT.glob("docs/tools/*.py")]):
        text = script.read_text()
        if "from slora_assets_tests" in text and not ("with_tests" in text or "sys.path" in text):
            missing.append(f"{script.name}: import with_tests")
        for node in ast.walk(ast.parse(script.read_text())):
            if (
                not isinstance(node, ast.ImportFrom)
                or (node.module or "").split(".")[0] not in _OURS
            ):
                continue
            place = PROJECT.joinpath(*str(node.module).split("."))
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            known = set(_defined(file)) if file.is_file() else set()
            inside = {path.stem for path in place.glob("*")} if place.is_dir() else set()
            missing += [
                f"{script.name}: {node.module}.{one.name}"
                for one in node.names
                if one.name not in known | inside
            ]
    assert missing == []

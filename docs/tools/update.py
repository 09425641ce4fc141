"""Writes what the documentation takes from the code: `python docs/tools/update.py [--check]`.

The picture of the asset graph, and in the Markdown files whatever stands between
`<!-- generated: NAME -->` and `<!-- end -->`. With `--check` nothing is written; the command ends
non-zero and names the files that are out of date.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import draw_graph
import scaling
import settings_tables

PROJECT: Final = Path(__file__).resolve().parents[2]
_BLOCK: Final = re.compile(r"(<!-- generated: ([^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_COMMAND: Final = re.compile(
    r"`(python benchmarks/[^`]+)`|^ +(python benchmarks/.+)$", re.MULTILINE
)


def floors() -> str:
    """Who may import whom, from the contracts that the linter holds the code against."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    blocks = []
    for contract in settings["tool"]["importlinter"]["contracts"]:
        if contract["type"] != "layers" or "containers" not in contract:
            continue
        blocks += [f"{contract['containers'][0]}:", "", "```text", *contract["layers"], "```", ""]
    return "\n".join(blocks).rstrip()


def benchmarks() -> str:
    """The scripts of `benchmarks/`: the first line of each docstring, and its commands."""
    lines = ["| file | what it measures | command |", "|---|---|---|"]
    helpers = []
    for file in sorted((PROJECT / "benchmarks").glob("*.py")):
        source = file.read_text("utf-8")
        said = ast.get_docstring(ast.parse(source)) or ""
        first = said.splitlines()[0]
        if "__main__" not in source:
            helpers.append(f"| `benchmarks/{file.name}` | {first} | imported by the others |")
            continue
        found = [a or b for a, b in _COMMAND.findall(said)] or [f"python benchmarks/{file.name}"]
        what = re.sub(r":? ?`[^`]*python benchmarks/[^`]*`[^`]*(`[^`]*`)?.*", "", first)
        commands = "<br>".join(f"`{command}`" for command in dict.fromkeys(found))
        lines.append(f"| `benchmarks/{file.name}` | {what.rstrip('.')} | {commands} |")
    return "\n".join(lines + helpers)


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "floors": floors,
    "benchmarks": benchmarks,
    "launchpad": settings_tables.launchpad_table,
    "environment": settings_tables.environment_table,
    "libraries": settings_tables.libraries_table,
    "request": settings_tables.form_table,
    "job": settings_tables.job_table,
    "generated": settings_tables.generated_table,
    "problems": settings_tables.problems_table,
    **{
        name: partial(settings_tables.settings_table, model)
        for name, model in settings_tables.MODELS.items()
    },
    **{name: partial(str, text) for name, text in scaling.blocks().items()},
}


def renewed(text: str) -> str:
    """Markdown with every generated block made anew."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n\n{found[3]}", text)


def wanted() -> dict[Path, str]:
    """Each generated file, and each Markdown file with generated blocks, as it should be."""
    made = {PROJECT / "docs/images/graph.svg": draw_graph.svg(draw_graph.assets())}
    for page in sorted((PROJECT / "docs").rglob("*.md")):
        text = page.read_text("utf-8")
        if _BLOCK.search(text):
            made[page] = renewed(text)
    return made


def main() -> int:
    """Write, or with `--check` compare. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    options = parser.parse_args()
    stale = {
        path: text
        for path, text in wanted().items()
        if not path.is_file() or path.read_text("utf-8") != text
    }
    for path, text in stale.items():
        if not options.check:
            path.write_text(text, "utf-8")
        print(f"{'out of date' if options.check else 'written'}: {path.relative_to(PROJECT)}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a Markdown page claims that can be checked: shell blocks, links, paths, modules, commands.

Pure: the page's text and the project's folder in, complaints out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"^```(\w*)\s*$")
_MARKER: Final = re.compile(r"<!-- (not run here|run by|file): (.+?) -->")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
_PATH: Final = re.compile(
    r"(?<![\w/.-])((?:slora_assets|slora_assets_tests|api|docs|configs|deploy|benchmarks|src)/[\w./-]*)"
)
_DOTTED: Final = re.compile(r"(?<![\w./-])((?:slora_assets|api)(?:\.[A-Za-z_]\w*)+)")
_SCRIPT_FLAGS: Final = {
    "src/train_lora.py": "slora_assets/training/command.py",
    "src/train_scenario_lora.py": "slora_assets/training/command.py",
}
"""Scripts whose options are read elsewhere."""


@dataclass(frozen=True)
class Block:
    """A fenced block; `marker` is the comment right before it: its kind and what it says."""

    line: int
    language: str
    text: str
    marker: tuple[str, str] | None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page."""
    found: list[Block] = []
    lines = page.splitlines()
    marker: tuple[str, str] | None = None
    number = 0
    while number < len(lines):
        line = lines[number]
        if fence := _FENCE.match(line):
            end = lines.index("```", number + 1)
            text = "\n".join(lines[number + 1 : end]) + "\n"
            found.append(Block(number + 1, fence[1], text, marker))
            number, marker = end, None
        elif said := _MARKER.fullmatch(line.strip()):
            marker = (said[1], said[2])
        elif line.strip():
            marker = None
        number += 1
    return found


def files_of(page: str) -> dict[str, str]:
    """The files that a page has its reader write: path to content."""
    return {b.marker[1]: b.text for b in blocks(page) if b.marker and b.marker[0] == "file"}


def runnable(page: str) -> list[Block]:
    """Shell blocks that are run as they stand."""
    return [b for b in blocks(page) if b.language == "sh" and b.marker is None]


def anchors(page: str) -> set[str]:
    """What links may name behind `#`: the headings, as Markdown viewers spell them."""
    text = "\n".join(_outside_fences(page))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def complaints(page: str, place: Path, project: Path) -> list[str]:
    """All that is wrong with the page at `place`, a file of the project (which need not exist)."""
    found = [
        *_about_blocks(page, project),
        *_about_links(page, place),
        *_about_paths(page, project),
        *_about_modules(page, project),
        *_about_commands(page, project),
    ]
    return [f"{place.relative_to(project)}: {one}" for one in found]


def _outside_fences(page: str) -> list[str]:
    inside, kept = False, []
    for line in page.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            kept.append(line)
    return kept


def _about_blocks(page: str, project: Path) -> Iterator[str]:
    for block in blocks(page):
        if block.language in ("bash", "shell", "console"):
            yield f"line {block.line}: shell blocks are called `sh` here"
        if block.marker and block.marker[0] == "run by":
            test = block.marker[1].split()[0]
            if not (project / test).is_file():
                yield f"line {block.line}: {test}, which is said to run this, doesn't exist"


def _about_links(page: str, place: Path) -> Iterator[str]:
    for line in _outside_fences(page):
        for inline, source in _LINK.findall(line):
            target, _, anchor = (inline or source).partition("#")
            if target.startswith(("http://", "https://")):
                continue
            file = (place.parent / target).resolve() if target else place
            if target and not file.exists():
                yield f"the link to {target} leads nowhere"
            elif anchor and file.suffix == ".md":
                text = page if file == place else file.read_text("utf-8")
                if anchor not in anchors(text):
                    yield f"the link to {target}#{anchor} names no heading"


def _about_paths(page: str, project: Path) -> Iterator[str]:
    written = files_of(page)
    for path in dict.fromkeys(_PATH.findall(page)):
        name = path.rstrip(".")
        if name not in written and not _is_there(project / name):
            yield f"{name} doesn't exist"


def _is_there(path: Path) -> bool:
    """Whether a file is there, or a folder that holds more than what Python leaves behind."""
    if not path.is_dir():
        return path.exists()
    return any(found.is_file() and found.suffix != ".pyc" for found in path.rglob("*"))


def _about_modules(page: str, project: Path) -> Iterator[str]:
    for name in dict.fromkeys(_DOTTED.findall(page)):
        # `api.md` is a page, about which the links were asked.
        if not name.endswith(".md") and not _is_defined(name.split("."), project):
            yield f"{name} doesn't exist"


def _is_defined(parts: list[str], project: Path) -> bool:
    """Whether a dotted name is a package, a module, or a name that stands in one."""
    here = project
    for number, part in enumerate(parts):
        if (here / part / "__init__.py").is_file():
            here = here / part
            continue
        module = here / f"{part}.py"
        rest = parts[number + 1 :] if module.is_file() else parts[number:]
        text = (module if module.is_file() else here / "__init__.py").read_text("utf-8")
        return all(re.search(rf"\b{name}\b", text) for name in rest)
    return True


def _about_commands(page: str, project: Path) -> Iterator[str]:
    """What can be seen of a command without running it: its verb, script, module and options."""
    makefile = (project / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split())
    variables = set(re.findall(r"^ifdef (\w+)$", makefile, re.MULTILINE)) | {"PYTHON"}
    modules = sorted((project / "slora_assets/cli").glob("*.py"))
    cli = "".join(module.read_text("utf-8") for module in modules)
    verbs = _verbs(cli)
    for block in blocks(page):
        if block.language != "sh":
            continue
        for words in _commands(block.text):
            program, *rest = words
            if program == "make":
                for word in rest:
                    name, is_variable, _ = word.partition("=")
                    if name not in (variables if is_variable else targets):
                        yield f"line {block.line}: make knows no {name}"
            elif program.endswith("slora"):
                verb = " ".join(rest[: 2 if rest and rest[0] in _groups(cli).values() else 1])
                if rest and not rest[0].startswith("-") and verb not in verbs:
                    yield f"line {block.line}: slora knows no {verb}"
                yield from _unknown_flags(rest, cli, block.line, "slora")
            for script in [word for word in words if word.endswith(".py")]:
                if not (project / script).is_file():
                    yield f"line {block.line}: {script} doesn't exist"
                    continue
                said_in = (project / _SCRIPT_FLAGS.get(script, script)).read_text("utf-8")
                after = words[words.index(script) + 1 :]
                yield from _unknown_flags(after, said_in, block.line, script)


def _groups(cli: str) -> dict[str, str]:
    """Groups of the command line's verbs: the variable in its source, and what people type."""
    return dict(re.findall(r"^app\.add_typer\((\w+), name=\"([\w-]+)\"", cli, re.MULTILINE))


def _verbs(cli: str) -> set[str]:
    """What may stand behind `slora`: a verb, or a group and a verb."""
    found = re.findall(r"^@(\w+)\.command\((?:\"(\w+)\")?\)\ndef (\w+)\(", cli, re.MULTILINE)
    groups = {"app": "", **{variable: f"{name} " for variable, name in _groups(cli).items()}}
    mounted = set(re.findall(r"^app\.command\(\)\((\w+)\)", cli, re.MULTILINE))
    return mounted | {groups[app] + (said or function) for app, said, function in found}


def _unknown_flags(words: list[str], source: str, line: int, what: str) -> Iterator[str]:
    for word in words:
        flag = word.partition("=")[0]
        as_name = flag.removeprefix("--").replace("-", "_")
        known = flag == "--help" or f'"{flag}"' in source or f"    {as_name}: " in source
        if flag.startswith("--") and not known:
            yield f"line {line}: {what} knows no {flag}"


def _commands(text: str) -> Iterator[list[str]]:
    """The commands of a block as words, without assignments before them."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|;", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:  # a quoted program with `;` in it
                words = part.split()
            while words and (words[0] in ("do", "export", ".") or re.match(r"\w+=", words[0])):
                words = words[1:]
            if words:
                yield words

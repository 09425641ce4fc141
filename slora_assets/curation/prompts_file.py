"""A scenario's entry in the prompts file, put in by lines of its own: all other lines stay.

An entry carries the digest of its lines, so that one which nobody has touched can be made anew, and
one that a person has touched can't be lost unasked.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from slora_assets.config.errors import ConfigError
from slora_assets.config.places import refuse_shipped
from slora_assets.config.validation import (
    ScenarioPrompts,
    WrittenPrompt,
    read_validation_prompts,
)
from slora_assets.config.yaml_reader import line_of
from slora_assets.curation.new_scenario import scalar
from slora_assets.provenance import replacing

_MARK: Final = "# Written by `slora prompts write`; nobody has edited it while its digest is "
_INDENT: Final = 2
_WIDTH: Final = 4096
"""A prompt stays on its line."""


def entry_lines(scenario: str, prompts: Sequence[WrittenPrompt]) -> list[str]:
    """The entry as it stands in the file, but for the indent: a prompt a line, to be edited."""
    listed = CommentedSeq()
    for prompt in prompts:
        said = prompt.model_dump(exclude_none=True)
        one = CommentedMap((key, scalar(value)) for key, value in said.items())
        one.fa.set_flow_style()
        listed.append(one)
    yaml, out = YAML(), io.StringIO()
    yaml.width = _WIDTH
    yaml.indent(sequence=4, offset=2)
    yaml.dump({scenario: {"prompts": listed}}, out)
    key, *rest = out.getvalue().splitlines()
    return [key, f"{' ' * _INDENT}{_MARK}{_digest([key, *rest])}.", *rest]


def write_entry(
    file: Path, scenario: str, prompts: Sequence[WrittenPrompt], *, replace: bool
) -> None:
    """Put the prompts into the file as the scenario's; where they stand already it stays.

    Raises as `edited_text` does, and ConfigError when the file couldn't be read as it is meant.
    """
    before, text = file.read_bytes(), edited_text(file, scenario, prompts, replace=replace)
    if text.encode() == before:
        return
    settings = read_validation_prompts(file)
    entry = ScenarioPrompts(prompts=list(prompts))
    wanted = settings.model_copy(update={"scenarios": settings.scenarios | {scenario: entry}})
    refuse_shipped(file)
    with replacing(file) as temporary:
        temporary.write_bytes(text.encode())
        try:
            found = read_validation_prompts(temporary)
        except ConfigError as error:
            raise _by_hand(file, scenario) from error
        if found != wanted:
            raise _by_hand(file, scenario)


def edited_text(
    file: Path, scenario: str, prompts: Sequence[WrittenPrompt], *, replace: bool
) -> str:
    """The file's text with the prompts as the scenario's, in the place of those that it has.

    Raises ConfigError for an entry that a person wrote or edited, unless `replace` says that it may
    go, and for a file in which an entry has no lines of its own; MissingInputError.
    """
    read_validation_prompts(file)
    text = file.read_bytes().decode()
    lines, end = text.splitlines(keepends=True), "\r\n" if "\r\n" in text else "\n"
    entries = _entries(text)
    indent = _INDENT
    if not entries.value:
        # `scenarios: {}` opens a mapping on lines of their own.
        first, last = entries.start_mark, entries.end_mark
        if first.line != last.line:
            raise _by_hand(file, scenario)
        line = lines[first.line]
        lines[first.line] = line[: first.column].rstrip() + line[last.column :]
        begin = past = first.line + 1
    elif entries.flow_style:
        raise _by_hand(file, scenario)
    else:
        indent = entries.value[0][0].start_mark.column
        there = {str(key.value): (key, value) for key, value in entries.value}
        if scenario in there:
            key, value = there[scenario]
            begin, past = key.start_mark.line, _past(value, lines)
            if not replace and not _untouched(lines[begin:past]):
                raise _a_persons(file, scenario)
        else:
            begin = past = _past_comments(_past(entries, lines), indent, lines)
    entry = [f"{' ' * indent}{line}{end}" for line in entry_lines(scenario, prompts)]
    before = "".join(lines[:begin])
    if before and not before.endswith("\n"):
        before += end
    return "".join([before, *entry, *lines[past:]])


def _entries(text: str) -> MappingNode:
    """What stands under `scenarios`."""
    root = YAML(typ="rt").compose(text)
    return next(value for key, value in root.value if key.value == "scenarios")


def _past(node: Node, lines: Sequence[str]) -> int:
    """The number of the line after a node's last one, comments and empty lines left aside."""
    while isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    past: int = node.end_mark.line + (node.end_mark.column > 0)
    while not lines[past - 1].strip():
        past -= 1
    return past


def _past_comments(past: int, indent: int, lines: Sequence[str]) -> int:
    """Past the comments that stand deeper than `indent`: they belong to what is before them."""
    while past < len(lines) and re.match(rf" {{{indent + 1},}}#", lines[past]):
        past += 1
    return past


def _untouched(lines: Sequence[str]) -> bool:
    marks = [line for line in lines if line.strip().startswith(_MARK)]
    rest = [line for line in lines if line not in marks]
    return len(marks) == 1 and marks[0].strip() == f"{_MARK}{_digest(rest)}."


def _digest(lines: Sequence[str]) -> str:
    """Of an entry's lines, whatever their indent."""
    said = "\n".join(line.strip() for line in lines)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _a_persons(file: Path, scenario: str) -> ConfigError:
    return ConfigError(
        f"the prompts of {scenario} were written or edited by a person",
        file=file,
        line=line_of(file, "scenarios", scenario),
        key=f"scenarios.{scenario}",
        remedy="edit them there, or give --replace to have others written in their place",
    )


def _by_hand(file: Path, scenario: str) -> ConfigError:
    return ConfigError(
        "the prompts can't be put in by lines of their own",
        file=file,
        line=line_of(file, "scenarios", scenario),
        key=f"scenarios.{scenario}",
        remedy="write each scenario on lines of its own, without anchors, or copy in by hand what"
        " --dry-run shows",
    )

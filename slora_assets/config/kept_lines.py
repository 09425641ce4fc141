"""A person's file that a program edits keeps each line that the edit doesn't concern, as it stands:
its line end, its spaces, its byte order mark."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"


def with_kept_lines(before: str, unedited: str, edited: str) -> str:
    """`edited` as an edit of `before`.

    `unedited` is what the writer of `edited` makes of `before` without an edit, line by line: where
    the two are alike the lines of `before` stand, and others end as most of its lines do.
    """
    old, plain, new = (text.splitlines(keepends=True) for text in (before, unedited, edited))
    ends = "\r\n" if 2 * before.count("\r\n") > before.count("\n") else "\n"
    if len(old) != len(plain):  # the writer has joined or split lines: no line is any one's
        return "".join(_ended(line, ends) for line in new)
    matcher = SequenceMatcher(None, _bare(plain), _bare(new), autojunk=False)
    lines: list[str] = []
    for kind, begin, end, new_begin, new_end in matcher.get_opcodes():
        if kind == "equal":
            lines += old[begin:end]
            continue
        changed = [_ended(line, ends) for line in new[new_begin:new_end]]
        if end - begin == new_end - new_begin:  # in their places, so as far to the right
            changed = [
                _indent(was) + line.lstrip()
                for was, line in zip(old[begin:end], changed, strict=True)
            ]
        lines += changed
    # Only the last line of `before` may have had no end, and others may follow it now.
    whole = [line if line.endswith(("\n", "\r")) else line + ends for line in lines[:-1]]
    return "".join(whole + lines[-1:])


def _bare(lines: list[str]) -> list[str]:
    return [line.rstrip("\r\n") for line in lines]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _ended(line: str, ends: str) -> str:
    return line.rstrip("\r\n") + ends

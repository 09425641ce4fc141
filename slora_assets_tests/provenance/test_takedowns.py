"""A list of takedowns that isn't whole is refused by whoever asks it, in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Takedown, TakenClip
from slora_assets.provenance.takedowns import finish_logging, head_of, log_takedown, read_takedowns
from slora_assets_tests.workspaces import below


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = below(tmp_path)
    for name in ("a", "b", "c"):
        log_takedown(made, entry(name))
    return made


def entry(name: str) -> Takedown:
    clips = [TakenClip(id=name, because="it was named", sha256="0" * 64)]
    return Takedown(asked=name, by="Ada", reason="asked", dataset="d", clips=clips)


def _cut(file: Path) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


def _tear(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def _edit(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"asked":"b"', b'"asked":"x"'))


def _exchange(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], lines[2], lines[1]]))


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _garbage(file: Path) -> None:
    file.write_bytes(b"\x00" * 40 + b"\n")


@pytest.mark.parametrize("damage", [_cut, _tear, _edit, _exchange, _empty, _garbage, Path.unlink])
def test_a_list_that_is_not_what_it_was_is_refused(
    workspace: Workspace, damage: Callable[[Path], None]
) -> None:
    assert len(read_takedowns(workspace)) == 3
    damage(workspace.takedowns)
    for ask in (read_takedowns, head_of, finish_logging):
        with pytest.raises(IntegrityError):
            ask(workspace)
    with pytest.raises(IntegrityError):
        log_takedown(workspace, entry("d"))


@pytest.mark.parametrize("lost", [0, 1])
def test_either_head_is_enough_to_show_a_cut(workspace: Workspace, lost: int) -> None:
    workspace.takedown_heads[lost].unlink()
    assert len(read_takedowns(workspace)) == 3
    _cut(workspace.takedowns)
    with pytest.raises(IntegrityError, match="was cut"):
        read_takedowns(workspace)


def test_without_any_head_nobody_can_say_where_the_list_ends(workspace: Workspace) -> None:
    for head in workspace.takedown_heads:
        head.unlink()
    with pytest.raises(IntegrityError, match="where the list of takedowns ends"):
        read_takedowns(workspace)
    finish_logging(workspace)  # as the next `slora takedown` does
    assert len(read_takedowns(workspace)) == 3


def test_a_list_of_others_entries_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    other = below(tmp_path / "other")
    for name in ("x", "y", "z", "w"):
        log_takedown(other, entry(name))
    workspace.takedowns.write_bytes(other.takedowns.read_bytes())
    with pytest.raises(IntegrityError, match="or is another one"):
        read_takedowns(workspace)


def test_whoever_was_killed_between_entry_and_head_has_lost_nothing(workspace: Workspace) -> None:
    kept = [head.read_bytes() for head in workspace.takedown_heads]
    log_takedown(workspace, entry("d"))
    for head, content in zip(workspace.takedown_heads, kept, strict=True):
        head.write_bytes(content)
    assert [one.asked for one in read_takedowns(workspace)] == ["a", "b", "c", "d"]


def test_an_entry_holds_nothing_that_describes_the_footage(workspace: Workspace) -> None:
    (first, *_) = workspace.takedowns.read_text().splitlines()
    assert json.loads(first)["clips"][0].keys() == {
        "id",
        "because",
        "sha256",
        "start_s",
        "end_s",
        "fingerprint",
        "source",
        "source_start_s",
        "source_end_s",
    }

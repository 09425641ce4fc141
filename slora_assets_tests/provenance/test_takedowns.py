"""A list of takedowns that isn't whole is refused by whoever asks it, in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Takedown, TakenClip
from slora_assets.provenance import chained_log, sha256_file
from slora_assets.provenance.keys import KEYS, public_key_file
from slora_assets.provenance.ledger import last_record
from slora_assets.provenance.takedowns import (
    finish_logging,
    head_of,
    log_takedown,
    read_takedowns,
    takedown_heads,
)
from slora_assets.provenance.trust import trust
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


def _cut(file: Path, lines: int = 2) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-lines]))


def _tear(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def _add(file: Path) -> None:
    """An entry that hashes the one before as it should: that takes no key."""
    chained_log.append(file, entry("x").model_dump(mode="json"))


def _edit(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"asked":"b"', b'"asked":"x"'))


def _exchange(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], lines[2], lines[1]]))


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _garbage(file: Path) -> None:
    file.write_bytes(b"\x00" * 40 + b"\n")


@pytest.mark.parametrize("damage", [_cut, _add, _edit, _exchange, _empty, _garbage, Path.unlink])
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


@pytest.mark.parametrize("damage", [lambda file: _cut(file, 1), _tear])
def test_the_last_line_is_kept_in_the_heads_and_comes_back(
    workspace: Workspace, damage: Callable[[Path], None]
) -> None:
    before = workspace.takedowns.read_bytes()
    damage(workspace.takedowns)
    assert [one.asked for one in read_takedowns(workspace)] == ["a", "b", "c"]
    log_takedown(workspace, entry("d"))
    assert workspace.takedowns.read_bytes().startswith(before)
    assert len(read_takedowns(workspace)) == 4


def test_without_any_head_nobody_can_say_where_the_list_ends(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for head in workspace.takedown_heads:
        head.unlink()
    with pytest.raises(IntegrityError, match="was signed, and is so no more"):
        read_takedowns(workspace)
    mine = public_key_file()
    monkeypatch.setenv(KEYS, str(tmp_path / "another machine"))
    trust(mine)
    with pytest.raises(IntegrityError, match="where the list of takedowns ends"):
        read_takedowns(workspace)


def test_a_list_that_is_gone_with_both_heads_is_missed_by_the_ledger(workspace: Workspace) -> None:
    for file in (workspace.takedowns, *workspace.takedown_heads):
        file.unlink()
    with pytest.raises(IntegrityError, match="is gone"):
        read_takedowns(workspace)


def test_a_list_of_others_entries_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    other = below(tmp_path / "other")
    for name in ("x", "y", "z", "w"):
        log_takedown(other, entry(name))
    workspace.takedowns.write_bytes(other.takedowns.read_bytes())
    with pytest.raises(IntegrityError, match="or is another one"):
        read_takedowns(workspace)


def test_whoever_was_killed_between_entry_and_ledger_has_lost_nothing(workspace: Workspace) -> None:
    heads = takedown_heads(workspace)
    chained_log.append(workspace.takedowns, entry("d").model_dump(mode="json"), heads)
    assert [one.asked for one in read_takedowns(workspace)] == ["a", "b", "c", "d"]
    finish_logging(workspace)
    recorded = last_record(workspace, workspace.takedowns)
    assert recorded is not None and recorded.sha256 == sha256_file(workspace.takedowns)


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

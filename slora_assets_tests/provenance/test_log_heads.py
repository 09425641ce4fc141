"""Where a log ends is signed: what is cut off, added without the key or put back shows, and whoever
is killed while writing loses nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slora_assets.config.errors import IntegrityError
from slora_assets.documents import LogHead
from slora_assets.provenance import chained_log
from slora_assets.provenance.keys import KEYS, public_key_file
from slora_assets.provenance.log_heads import LogHeads, refuse_unsigned
from slora_assets.provenance.trust import distrust, trust, trusted_keys
from slora_assets_tests.workspaces import rewrite


def heads_of(log: Path) -> LogHeads:
    return LogHeads.beside(log, "the log")


def add(log: Path, *names: str) -> None:
    for name in names:
        chained_log.append(log, {"name": name}, heads_of(log))


def names(log: Path) -> list[object]:
    return [entry["name"] for entry in chained_log.verify(log, heads_of(log))]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    made = tmp_path / "data" / "log.jsonl"
    add(made, "a", "b", "c", "d")
    return made


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Another machine, which has seen nothing: its keys' folder; and this one's public half."""
    mine = public_key_file()
    monkeypatch.setenv(KEYS, str(tmp_path / "another machine"))
    return mine


def _cut(log: Path) -> None:
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))


def _cut_with_an_unsigned_head(log: Path) -> None:
    _cut(log)
    last = json.loads(log.read_bytes().splitlines()[-1])
    head = LogHead(log=log.name, entries=2, hash=last["hash"], line=last)
    heads_of(log).files[0].write_text(head.model_dump_json())


def _cut_without_head(log: Path) -> None:
    _cut(log)
    heads_of(log).files[0].unlink()


def _add(log: Path) -> None:
    chained_log.append(log, {"name": "forged"})


def _number_edited(log: Path) -> None:
    rewrite(heads_of(log).files[0], lambda head: head.update(entries=3))


def _written_anew(log: Path) -> None:
    log.unlink()
    for name in ("a", "x"):
        chained_log.append(log, {"name": name})


def _head_of_another_log(log: Path) -> None:
    other = log.with_name("other.jsonl")
    add(other, "x")
    shutil.copy(other, log)
    shutil.copy(heads_of(other).files[0], heads_of(log).files[0])


WAYS = [
    _cut,
    _cut_with_an_unsigned_head,
    _cut_without_head,
    _add,
    _number_edited,
    _written_anew,
    _head_of_another_log,
    Path.unlink,
]


@pytest.mark.parametrize("damage", WAYS)
def test_what_was_done_without_the_key_shows(log: Path, damage: Callable[[Path], None]) -> None:
    damage(log)
    with pytest.raises(IntegrityError):
        names(log)
    with pytest.raises(IntegrityError):
        add(log, "e")


@pytest.mark.parametrize("damage", WAYS)
def test_it_shows_to_whoever_has_only_the_public_key(
    log: Path, damage: Callable[[Path], None], elsewhere: Path
) -> None:
    trust(elsewhere)
    assert names(log) == ["a", "b", "c", "d"]
    shutil.rmtree(trusted_keys()[next(iter(trusted_keys()))].parent.parent / "heads")
    damage(log)
    with pytest.raises(IntegrityError):  # at the latest where a signature is asked for
        refuse_unsigned(heads_of(log), len(names(log)))


def test_an_older_log_put_back_with_its_head_shows_where_it_was_seen(log: Path) -> None:
    before = {file: file.read_bytes() for file in (log, heads_of(log).files[0])}
    add(log, "e")
    for file, content in before.items():
        file.write_bytes(content)
    with pytest.raises(IntegrityError, match="was cut, or is another one"):
        names(log)


def test_a_copy_goes_its_own_way(log: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(log.parent, tmp_path / "copy")) / log.name
    add(log, "e")
    add(copy, "f", "g")
    assert names(log)[4:] == ["e"]
    assert names(copy)[4:] == ["f", "g"]


def test_a_log_that_is_begun_anew_in_its_place_is_another_one(log: Path) -> None:
    shutil.rmtree(log.parent)
    add(log, "x")
    assert names(log) == ["x"]


@pytest.mark.parametrize("written", ["", '{"name":"e","ti'])
def test_a_line_that_was_announced_and_not_written_is_not_lost(log: Path, written: str) -> None:
    before = log.read_bytes()
    add(log, "e")
    log.write_bytes(before + written.encode())
    assert names(log) == ["a", "b", "c", "d", "e"]
    add(log, "f")
    assert names(log) == ["a", "b", "c", "d", "e", "f"]
    assert len(log.read_bytes().splitlines()) == 6


def test_elsewhere_it_takes_trust_in_the_key(log: Path, elsewhere: Path) -> None:
    with pytest.raises(IntegrityError, match="key that is not trusted here"):
        names(log)
    fingerprint = trust(elsewhere)
    assert refuse_unsigned(heads_of(log), len(names(log))) == fingerprint
    assert distrust(fingerprint[:12]) == [fingerprint]
    with pytest.raises(IntegrityError, match="key that is not trusted here"):
        names(log)


def test_a_log_from_before_there_were_signatures_goes_on_without(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    chained_log.append(log, {"name": "a"})
    add(log, "b")
    assert names(log) == ["a", "b"]
    with pytest.raises(IntegrityError, match="nobody signed where the log ends"):
        refuse_unsigned(heads_of(log), 2)
    heads_of(log).write(chained_log.verify(log))
    add(log, "c")
    assert refuse_unsigned(heads_of(log), len(names(log))) in trusted_keys()


def test_whoever_reads_while_others_write_sees_a_whole_log(log: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(add, log, *(f"{one}{n}" for n in range(6))) for one in "xyz"]
        while not all(one.done() for one in writing):
            assert len(names(log)) >= 4
        for one in writing:
            one.result()
    assert len(names(log)) == 4 + 18


def test_another_machine_remembers_what_it_has_seen(log: Path, elsewhere: Path) -> None:
    before = {file: file.read_bytes() for file in (log, heads_of(log).files[0])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEYS, str(elsewhere.parent))
        add(log, "e")
    trust(elsewhere)
    assert len(names(log)) == 5
    for file, content in before.items():
        file.write_bytes(content)
    with pytest.raises(IntegrityError, match="was cut, or is another one"):
        names(log)

"""The log is believed only as far as its hashes reach."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import rfc8785

from slora_assets.config.errors import IntegrityError
from slora_assets.provenance import object_hash
from slora_assets.provenance.chained_log import START, append, verify


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "changelog.jsonl"
    for number in range(4):
        append(path, {"number": number, "by": "Zoë", "nested": {"scale": 0.85}})
    return path


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_entries_come_back_in_order_and_each_names_the_one_before(log: Path) -> None:
    entries = verify(log)
    assert [entry["number"] for entry in entries] == [0, 1, 2, 3]
    assert [entry["previous"] for entry in entries] == [START] + [e["hash"] for e in entries[:-1]]
    assert all(str(entry["time"]).endswith("Z") for entry in entries)


def test_no_log_is_an_empty_log(tmp_path: Path) -> None:
    assert verify(tmp_path / "absent.jsonl") == []


def changed_value(old: list[bytes]) -> list[bytes]:
    return [old[0], old[1].replace(b'"number":1', b'"number":7'), *old[2:]]


def rehashed(old: list[bytes]) -> list[bytes]:
    """A cleverer forger computes the changed line's hash anew; the next line gives it away."""
    entry = {k: v for k, v in json.loads(old[1]).items() if k != "hash"} | {"number": 7}
    entry["hash"] = object_hash(entry)
    return [old[0], rfc8785.dumps(entry) + b"\n", *old[2:]]


def duplicate_key(old: list[bytes]) -> list[bytes]:
    return [old[0], old[1].replace(b'{"by":', b'{"by":"Mallory","by":', 1), *old[2:]]


@pytest.mark.parametrize(
    ("forge", "line"),
    [
        (changed_value, 2),
        (rehashed, 3),
        (duplicate_key, 2),
        (lambda old: [old[0], *old[2:]], 2),
        (lambda old: old[1:], 1),
        (lambda old: [old[1], old[0], *old[2:]], 1),
        (lambda old: [*old, old[3]], 5),
        (lambda old: [*old, b"not json\n"], 5),
        (lambda old: [*old, b"[]\n"], 5),
        (lambda old: [old[0], b"\n", *old[1:]], 2),
        (lambda old: [old[0].replace(b",", b", ", 1), *old[1:]], 1),
    ],
)
def test_tampering_is_found_at_its_line_and_nothing_is_appended_to_it(
    log: Path, forge: object, line: int
) -> None:
    log.write_bytes(b"".join(forge(lines(log))))  # type: ignore[operator]
    forged = log.read_bytes()
    with pytest.raises(IntegrityError) as found:
        verify(log)
    assert found.value.line == line
    with pytest.raises(IntegrityError):
        append(log, {"number": 9})
    assert log.read_bytes() == forged


def test_a_torn_last_line_gives_way_to_the_next_entry(log: Path) -> None:
    whole = log.read_bytes()
    log.write_bytes(whole + lines(log)[-1][:40])
    assert len(verify(log)) == 4
    append(log, {"number": 4})
    assert log.read_bytes().startswith(whole)
    assert [entry["number"] for entry in verify(log)] == [0, 1, 2, 3, 4]


def test_appends_at_once_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    threads = [threading.Thread(target=append, args=(path, {"number": n})) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(str(entry["number"])) for entry in verify(path)) == list(range(20))


def test_an_entry_may_not_set_the_logs_own_keys(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hash"):
        append(tmp_path / "log.jsonl", {"hash": "mine"})

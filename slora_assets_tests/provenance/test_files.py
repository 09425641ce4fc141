"""A file that is replaced stays what it was in everything but its content."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from slora_assets.config.errors import NoRoomError
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import (
    append_line,
    replacing,
    same_as,
    write_bytes,
    write_json,
    write_text,
)
from slora_assets_tests.full_disk import full_disk


def _by_replacing(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")


WAYS = [
    pytest.param(_by_replacing, id="replacing"),
    pytest.param(lambda path: write_bytes(path, b"new"), id="bytes"),
    pytest.param(lambda path: write_text(path, "new"), id="text"),
    pytest.param(lambda path: write_json(path, "new"), id="JSON"),
]


@pytest.mark.parametrize("write", WAYS)
def test_behind_a_link_the_file_is_written_and_the_link_stays(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    shared = tmp_path / "shared" / "file.yaml"
    shared.parent.mkdir()
    shared.write_bytes(b"old")
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.symlink_to("second.yaml")
    second.symlink_to(shared)
    write(first)
    assert first.is_symlink()
    assert second.is_symlink()
    assert b"new" in shared.read_bytes()
    assert [path.name for path in shared.parent.iterdir()] == ["file.yaml"]


@pytest.mark.parametrize("mode", [0o664, 0o600, 0o640, 0o755])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(b"old")
    file.chmod(mode)
    before = file.stat()
    write_text(file, "new")
    assert file.stat().st_mode & 0o777 == mode
    assert file.stat().st_mtime_ns >= before.st_mtime_ns
    assert file.stat().st_ino != before.st_ino


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_owner_and_group_stay(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(b"old")
    os.chown(file, 12345, 23456)
    write_text(file, "new")
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 23456)


def test_a_new_file_has_the_mode_that_new_files_have(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"new")
    write_bytes(tmp_path / "ours", b"new")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_body_that_fails_leaves_the_file_and_its_link_as_they_were(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"old")
    link.symlink_to(file)
    with pytest.raises(ZeroDivisionError), replacing(link) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert file.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_a_second_name_is_another_file_once_one_of_them_is_written(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "folder" / "other"
    one.write_bytes(b"content")
    same_as(one, other)
    assert other.read_bytes() == b"content"
    write_bytes(other, b"new")
    assert one.read_bytes() == b"content"
    same_as(one, other)
    same_as(one, other)
    assert other.read_bytes() == b"content"
    assert sorted(path.name for path in other.parent.iterdir()) == ["other"]


def test_where_there_are_no_second_names_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError("not here")

    one = tmp_path / "one"
    one.write_bytes(b"content")
    monkeypatch.setattr(os, "link", refused)
    same_as(one, tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == b"content"


def _as_bytes(path: Path) -> None:
    path.write_bytes(b"x" * 100_000)


def _as_tensors(path: Path) -> None:
    save_file({"weights": np.ones(100_000)}, path)


def _as_table(path: Path) -> None:
    pl.DataFrame({"noise": np.random.default_rng(0).random(100_000)}).write_parquet(path)


def _as_video(path: Path) -> None:
    write_mp4(path, np.random.default_rng(0).integers(0, 255, (9, 64, 96, 3), np.uint8), 8)


@pytest.mark.parametrize("write", [_as_bytes, _as_tensors, _as_table, _as_video])
def test_a_disk_that_is_full_is_told_with_the_file_that_found_no_room(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    """Whoever writes it, and whatever that library says."""
    file = tmp_path / "state.mp4"
    file.write_bytes(b"old")
    with pytest.raises(NoRoomError) as refused, full_disk(), replacing(file) as temporary:
        write(temporary)
    assert str(refused.value).startswith(f"{file}: file too large. Remedy: ")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_takes_no_files_is_told_with_the_file_that_people_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, data: bytes) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(OSError, match=rf"{re.escape(str(tmp_path))}/state\.json"):
        write_bytes(tmp_path / "state.json", b"new")


def test_a_line_that_finds_no_room_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(NoRoomError, match=r"log\.jsonl"), full_disk():
        append_line(tmp_path / "log.jsonl", "x" * 100_000)

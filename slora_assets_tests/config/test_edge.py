"""At the edge a failure that people can do something about is one line; a fault of ours is not."""

from __future__ import annotations

import errno
import json
import lzma
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from slora_assets.config.edge import exit_status, told
from slora_assets.config.environment import check_switches, switch
from slora_assets.config.errors import ConfigError, UnreadableError


def _library_errors() -> list[Exception]:
    import av
    import httpx
    import polars
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
    from pydantic import TypeAdapter, ValidationError
    from ruamel.yaml.error import YAMLError
    from safetensors import SafetensorError

    found: list[Exception] = [
        LocalEntryNotFoundError("not in the cache\nand offline"),
        OfflineModeIsEnabled("offline"),
        httpx.ConnectError("no route"),
        httpx.InvalidURL("no scheme"),
        polars.exceptions.ComputeError("found more fields than defined"),
        SafetensorError("HeaderTooLarge"),
        YAMLError("odd"),
        av.error.InvalidDataError(1, "Invalid data"),
    ]
    try:
        TypeAdapter(int).validate_python("x")
    except ValidationError as error:
        found.append(error)
    return found


_SYSTEM = [
    OSError(errno.ENOSPC, "No space left on device", "here/state.json"),
    PermissionError(errno.EACCES, "Permission denied", "here"),
    IsADirectoryError(errno.EISDIR, "Is a directory", b"here"),
    OSError("said by a library"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    MemoryError(),
    zlib.error("Error -3 while decompressing"),
    lzma.LZMAError("Corrupt input data"),
    EOFError("Compressed file ended before the end-of-stream marker was reached"),
    sqlite3.OperationalError("disk I/O error"),
    json.JSONDecodeError("Expecting value", "x", 0),
]


@pytest.mark.parametrize("error", [*_SYSTEM, *_library_errors()], ids=lambda e: type(e).__name__)
def test_what_the_system_and_libraries_refuse_is_one_line(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise error

    assert exit_status(work) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1


def test_a_full_disk_names_the_file_and_says_what_to_do() -> None:
    said = told(_SYSTEM[0])
    assert said is not None
    assert "here/state.json" in said and "no space left" in said and "free some space" in said


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), AssertionError()])
def test_a_fault_of_our_own_keeps_its_traceback(error: Exception) -> None:
    def work() -> int:
        raise error

    assert told(error) is None
    with pytest.raises(type(error)):
        exit_status(work)


def test_ctrl_c_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise KeyboardInterrupt

    assert exit_status(work) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("code", [0, 2, None])
def test_what_the_parser_of_arguments_decided_stands(code: int | None) -> None:
    def work() -> int:
        raise SystemExit(code)

    assert exit_status(work) == (code or 0)


def test_a_traceback_is_there_for_whoever_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise OSError(errno.ENOENT, "No such file", "x")

    monkeypatch.setenv("SLORA_TRACEBACK", "1")
    assert exit_status(work) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said and said.splitlines()[-1].startswith("error: x: no such file")


def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    code = "from slora_assets.config.edge import run\nrun(lambda: print('x' * 100) or 0)"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "no space left" in done.stderr


def test_a_reader_that_has_read_enough_is_no_failure_worth_a_word() -> None:
    code = "from slora_assets.config.edge import run\nrun(lambda: print('x' * 999999) or 0)"
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -c "{code}" | true'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


YES = ("1", "yes", "TRUE", "on", " y ")
NO = ("", "0", "no", "False", "OFF", "n")


@pytest.mark.parametrize(("value", "meant"), [*((v, True) for v in YES), *((v, False) for v in NO)])
def test_a_switch_says_yes_or_no(monkeypatch: pytest.MonkeyPatch, value: str, meant: bool) -> None:
    monkeypatch.setenv("SLORA_RESTART", value)
    assert switch("SLORA_RESTART") is meant


@pytest.mark.parametrize("name", ["SLORA_RESTART", "SLORA_PREVIEW", "SLORA_TRACEBACK"])
@pytest.mark.parametrize("value", ["2", "maybe", "-1", "ja"])
def test_what_says_neither_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name) as caught:
        check_switches()
    assert caught.value.found == value


def test_an_error_stays_one_line_whatever_a_library_says() -> None:
    error = UnreadableError("first\nsecond\r\n\tthird", found="x" * 10_000)
    assert "\n" not in str(error) and len(str(error)) < 300


def test_of_a_database_s_error_its_own_words_are_told_and_what_a_full_disk_asks_for() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    said = told(OperationalError("INSERT INTO event_logs VALUES (?)", ("a long event",), full))
    assert said == (
        "the database refuses (database or disk is full)."
        " Remedy: see that the disk that it lies on is whole and has room."
    )

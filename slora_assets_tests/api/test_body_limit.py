"""A form's body is refused while it arrives, not after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from api import body_limit
from api.body_limit import with_form_read
from api.errors import BodyTooLarge, BodyTooSlow, BrokenForm, InvalidForm, WrongMediaType

URLENCODED = "application/x-www-form-urlencoded"


class Body:
    """A client that sends `chunks`, and nothing after them unless the last one ends the body."""

    def __init__(
        self, chunks: Sequence[bytes], *, kind: str = URLENCODED, length: str | None = None
    ) -> None:
        self.left = list(chunks)
        headers = [(b"content-type", kind.encode())]
        if length is not None:
            headers.append((b"content-length", length.encode()))
        scope = {"type": "http", "method": "POST", "headers": headers, "app": None}
        self.request = Request(scope, self._receive)

    async def _receive(self) -> Message:
        if not self.left:
            await asyncio.Event().wait()
        chunk = self.left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": chunk != b""}

    def read(self, max_bytes: int = 100) -> dict[str, object]:
        async def form() -> dict[str, object]:
            return dict(await (await with_form_read(self.request, max_bytes)).form())

        return asyncio.run(form())


def test_a_small_form_is_read_and_can_be_asked_for_again() -> None:
    assert Body([b"a=1&", b"b=2", b""]).read() == {"a": "1", "b": "2"}


@pytest.mark.parametrize("length", [None, "1", "nonsense", "9" * 5000])
def test_a_body_that_grows_too_large_is_read_no_further(length: str | None) -> None:
    body = Body([b"x" * 60] * 5 + [b""], length=length)
    with pytest.raises(BodyTooLarge, match="100 bytes"):
        body.read()
    assert len(body.left) == 4


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    body = Body([b"x"] * 5, length="101")
    with pytest.raises(BodyTooLarge):
        body.read()
    assert len(body.left) == 5


def test_a_body_of_just_the_limit_is_read() -> None:
    assert Body([b"a=" + b"x" * 98, b""], length="100").read() == {"a": "x" * 98}


def test_a_body_that_does_not_end_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "_TIMEOUT_S", 0.05)
    with pytest.raises(BodyTooSlow):
        Body([b"a=1"]).read()


@pytest.mark.parametrize("kind", ["", "application/json", "text/plain", "multipart/mixed"])
def test_what_is_no_form_is_not_read(kind: str) -> None:
    body = Body([b"{}", b""], kind=kind)
    with pytest.raises(WrongMediaType):
        body.read()
    assert len(body.left) == 2


@pytest.mark.parametrize("text", [b"caf\xe9", b"\xff\xfe", b"filename=caf\xe9"])
def test_bytes_that_are_no_utf_8_are_never_taken_for_latin_1(text: bytes) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n%s\r\n--x--\r\n'
    with pytest.raises(InvalidForm, match="UTF-8"):
        Body([part % text, b""], kind="multipart/form-data; boundary=x").read(1000)
    with pytest.raises(InvalidForm, match="UTF-8"):
        Body([part % b"a", b""], kind="multipart/form-data; boundary=x; charset=latin-1").read(1000)
    kind = "multipart/form-data; boundary=x; charset=UTF-8"
    assert Body([part % "café".encode(), b""], kind=kind).read(1000) == {"a": "café"}


def test_files_are_not_read() -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--\r\n'
    with pytest.raises(BrokenForm, match="Files are not taken"):
        Body([part, b""], kind="multipart/form-data; boundary=x").read(1000)

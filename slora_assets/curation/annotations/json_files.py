"""Readers of JSON annotations: MSR-VTT, VATEX, lists of single clips."""

from __future__ import annotations

import gzip
import lzma
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import ijson
import orjson
import polars as pl

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.curation.annotations.batches import BATCH, batches

_VATEX_NAME: Final = re.compile(r"(?P<source>.+)_(?P<start>\d{6})_(?P<end>\d{6})")


def read_msrvtt(file: Path) -> Iterator[pl.DataFrame]:
    """MSR-VTT's `videodatainfo` JSON: `videos` and `sentences` joined by `video_id`."""
    document = _load(file)
    if not isinstance(document, dict):
        raise _wrong_format(file, "an object with 'videos' and 'sentences'", document)
    captions: dict[str, list[str]] = defaultdict(list)
    sentences = _list(file, document, "sentences")
    for identity, caption in zip(
        _texts(file, sentences, "video_id"), _texts(file, sentences, "caption"), strict=True
    ):
        captions[identity].append(caption)
    videos = _list(file, document, "videos")
    ids = _texts(file, videos, "video_id")
    yield from batches(
        {
            "id": ids,
            "source_group": [str(v.get("url") or i) for v, i in zip(videos, ids, strict=True)],
            "captions": [captions.get(identity, []) for identity in ids],
            "official_split": [video.get("split") for video in videos],
            "source_start_s": [video.get("start time") for video in videos],
            "source_end_s": [video.get("end time") for video in videos],
            "category": [str(v["category"]) if "category" in v else None for v in videos],
        }
    )


def read_vatex(file: Path) -> Iterator[pl.DataFrame]:
    """VATEX's JSON list: `videoID` is `<YouTube id>_<start s>_<end s>`, `enCap` the captions."""
    for entries in _entries(file, "a list of {videoID, enCap}"):
        yield from _vatex_clips(file, entries)


def _vatex_clips(file: Path, entries: list[dict[str, Any]]) -> Iterator[pl.DataFrame]:
    ids = _texts(file, entries, "videoID")
    names = [_VATEX_NAME.fullmatch(identity) for identity in ids]
    for identity, name in zip(ids, names, strict=True):
        if name is None:
            raise IntegrityError(
                "a video id without start and end",
                file=file,
                key="videoID",
                found=identity,
                expected="<id>_<start, 6 digits>_<end, 6 digits>",
            )
    yield from batches(
        {
            "id": ids,
            "source_group": [name["source"] for name in names if name],
            # The test split without captions has no `enCap`.
            "captions": [_captions(file, entry.get("enCap", [])) for entry in entries],
            "source_start_s": [float(name["start"]) for name in names if name],
            "source_end_s": [float(name["end"]) for name in names if name],
        }
    )


def read_captioned_clips(file: Path) -> Iterator[pl.DataFrame]:
    """A JSON list of `{clip, caption, category?}`.

    Clip names of Panda-70M end in `.<number>`: what stands before it is the source video.
    """
    for entries in _entries(file, "a list of {clip, caption}"):
        ids = _texts(file, entries, "clip")
        yield from batches(
            {
                "id": ids,
                "source_group": [_before_number(identity) for identity in ids],
                "captions": [[caption] for caption in _texts(file, entries, "caption")],
                "category": [entry.get("category") for entry in entries],
            }
        )


def _before_number(identity: str) -> str:
    source, dot, number = identity.rpartition(".")
    return source if dot and number.isdigit() else identity


def _load(file: Path) -> object:
    """A whole document; MSR-VTT's is one object."""
    with _opened(file) as stream:
        data = stream.read()
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise IntegrityError(f"not valid JSON ({error})", file=file) from error


def _entries(file: Path, expected: str) -> Iterator[list[dict[str, Any]]]:
    """The objects of a list in batches, streamed: a list may be larger than memory."""
    try:
        with _opened(file) as stream:
            kind = next(ijson.basic_parse(stream))[0]
        if kind != "start_array":
            raise _wrong_format(file, expected, kind)
        with _opened(file) as stream:
            found = ijson.items(stream, "item", use_float=True)
            while part := list(islice(found, BATCH)):
                if not all(isinstance(entry, dict) for entry in part):
                    raise _wrong_format(file, expected, part[0])
                yield part
    except ijson.JSONError as error:
        raise IntegrityError(f"not valid JSON ({error})", file=file) from error


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked. Raises MissingInputError, IntegrityError."""
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    opener = openers.get(file.suffix, Path.open)
    try:
        with opener(file, "rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise MissingInputError(
            "the annotation file does not exist",
            file=file,
            remedy="correct 'annotations' in the dataset's YAML, or provide the file",
        ) from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise IntegrityError(f"can't be decompressed ({error})", file=file) from error


def _wrong_format(file: Path, expected: str, found: object) -> IntegrityError:
    return IntegrityError(
        "the annotations are not of the dataset's format",
        file=file,
        found=type(found).__name__,
        expected=expected,
        remedy="correct 'format' in the dataset's YAML",
    )


def _list(file: Path, document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = document.get(key)
    if not isinstance(value, list):
        raise IntegrityError("no list", file=file, key=key, found=type(value).__name__)
    return value


def _texts(file: Path, entries: list[dict[str, Any]], key: str) -> list[str]:
    """The text that each entry has under `key`. Raises IntegrityError for one that has none."""
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
            raise IntegrityError("an entry lacks a text", file=file, key=key, found=entry)
    return [entry[key] for entry in entries]


def _captions(file: Path, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(caption, str) for caption in value):
        raise IntegrityError("no list of captions", file=file, key="enCap", found=value)
    return value

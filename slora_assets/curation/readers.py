"""Annotation files in, `AnnotatedClip`s out: one reader a public format."""

from __future__ import annotations

import gzip
import json
import lzma
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slora_assets.config.data import DatasetSettings
from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError


@dataclass(frozen=True)
class AnnotatedClip:
    """A clip as its annotation describes it; the footage may or may not be there."""

    id: str
    source_group: str
    """The source video (URL): clips of one group never fall on both sides of a split."""
    captions: tuple[str, ...]
    official_split: str | None = None
    """`train`, `validate` or `test`, where the dataset has one."""
    source_start_s: float | None = None
    source_end_s: float | None = None
    """Position in the source video; the files of both known formats are already cut to it."""
    category: str | None = None


def read_annotations(dataset: DatasetSettings, files: list[Path]) -> list[AnnotatedClip]:
    """All clips of a dataset, in the order of the files.

    Raises MissingInputError for an absent file, IntegrityError for one that is not of the dataset's
    format, ConfigError for a clip that two files describe.
    """
    reader = _READERS[dataset.format]
    clips: dict[str, AnnotatedClip] = {}
    for file in files:
        for clip in reader(file):
            if clip.id in clips:
                raise ConfigError(
                    "two annotations describe one clip", file=file, key=clip.id,
                    remedy="name each annotation file once",
                )  # fmt: skip
            clips[clip.id] = clip
    return list(clips.values())


def read_msrvtt(file: Path) -> Iterator[AnnotatedClip]:
    """MSR-VTT's `videodatainfo` JSON: `videos` and `sentences` joined by `video_id`."""
    document = _load(file)
    if not isinstance(document, dict):
        raise _wrong_format(file, "an object with 'videos' and 'sentences'", document)
    captions: dict[str, list[str]] = defaultdict(list)
    for sentence in _list(file, document, "sentences"):
        captions[_field(file, sentence, "video_id", str)].append(
            _field(file, sentence, "caption", str)
        )
    for video in _list(file, document, "videos"):
        identity = _field(file, video, "video_id", str)
        yield AnnotatedClip(
            id=identity,
            source_group=str(video.get("url") or identity),
            captions=tuple(captions.get(identity, ())),
            official_split=video.get("split"),
            source_start_s=video.get("start time"),
            source_end_s=video.get("end time"),
            category=str(video["category"]) if "category" in video else None,
        )


def read_captioned_clips(file: Path) -> Iterator[AnnotatedClip]:
    """A JSON list of `{clip, caption, category?}`.

    Clip names of Panda-70M end in `.<number>`: what stands before it is the source video.
    """
    document = _load(file)
    if not isinstance(document, list):
        raise _wrong_format(file, "a list of {clip, caption}", document)
    for entry in document:
        identity = _field(file, entry, "clip", str)
        source, dot, number = identity.rpartition(".")
        yield AnnotatedClip(
            id=identity,
            source_group=source if dot and number.isdigit() else identity,
            captions=(_field(file, entry, "caption", str),),
            category=entry.get("category"),
        )


_READERS: dict[str, Callable[[Path], Iterator[AnnotatedClip]]] = {
    "msrvtt": read_msrvtt,
    "captioned_clips": read_captioned_clips,
}


def _load(file: Path) -> Any:
    openers: dict[str, Callable[[Path], bytes]] = {
        ".gz": lambda path: gzip.decompress(path.read_bytes()),
        ".xz": lambda path: lzma.decompress(path.read_bytes()),
    }
    try:
        data = openers.get(file.suffix, Path.read_bytes)(file)
    except FileNotFoundError as error:
        raise MissingInputError(
            "the annotation file does not exist", file=file,
            remedy="correct 'annotations' in the dataset's YAML, or provide the file",
        ) from error  # fmt: skip
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise IntegrityError(f"can't be decompressed ({error})", file=file) from error
    try:
        return json.loads(data)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise IntegrityError(f"not valid JSON ({error})", file=file) from error


def _wrong_format(file: Path, expected: str, found: object) -> IntegrityError:
    return IntegrityError(
        "the annotations are not of the dataset's format", file=file,
        found=type(found).__name__, expected=expected,
        remedy="correct 'format' in the dataset's YAML",
    )  # fmt: skip


def _list(file: Path, document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if not isinstance(value, list):
        raise IntegrityError("no list", file=file, key=key, found=type(value).__name__)
    return value


def _field(file: Path, entry: Any, key: str, kind: type[str]) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, kind):
        raise IntegrityError("an entry lacks a text", file=file, key=key, found=entry)
    return value

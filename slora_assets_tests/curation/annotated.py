"""A dataset of any format in a folder, sorted as `slora curate` sorts it; its footage is only
named, so that a case takes no time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from slora_assets.config.data import read_dataset
from slora_assets.config.dataset_files import (
    annotation_names,
    annotation_sources,
    split_files,
)
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.sorting import build_metadata
from slora_assets.documents import Clip, FootageFile, Inventory
from slora_assets.footage.files import list_footage

SCENARIOS = """\
schema_version: 1
scenarios:
  market: {description: a market, keywords: [market], min_matching_captions: 1}
  animal: {description: an animal, keywords: [dog, cat], min_matching_captions: 1}
"""


TIMES = "\"[['0:00:00.000', '0:00:03.000']]\""
"""A cell of Panda-70M's table: the times of one clip."""
MARK = b"\xef\xbb\xbf"
"""UTF-8's byte order mark."""


@dataclass(frozen=True)
class Sorted:
    """What came of an annotation."""

    clips: dict[str, Clip]
    rejects: dict[str, tuple[str, str]]
    """Reason and detail, by id."""


def sort(root: Path, files: Mapping[str, str | bytes], **dataset: Any) -> Sorted:
    """Write `files` (videos among them may be empty) and sort what the dataset's keys say of them.

    The footage lies in `footage/`; raises what curation raises.
    """
    write(root, files)
    keys = {"name": "try", "annotations": ["footage"], "footage": "footage", "licence": "none"}
    keys |= {"use": "tests", "scenarios": "scenarios.yaml"} | dataset
    with (root / "dataset.yaml").open("w") as stream:
        YAML().dump(keys, stream)
    if not (root / "scenarios.yaml").exists():
        (root / "scenarios.yaml").write_text(SCENARIOS)
    settings, scenarios = read_dataset(root / "dataset.yaml")
    workspace = Workspace(root, root, root / "dataset.yaml")
    annotation_names(settings, workspace)
    rejects: list[pl.DataFrame] = []
    metadata = build_metadata(
        settings,
        scenarios,
        read_annotations(
            settings, annotation_sources(settings, workspace), split_files(settings, workspace)
        ),
        Inventory(
            dataset="try",
            annotations={},
            files={
                clip: _file(workspace.relative(path))
                for clip, path in list_footage(settings, workspace).videos().items()
            },
            rejects=[],
        ),
        workspace,
        rejects.append,
    )
    rows = [row for table in rejects for row in table.iter_rows()]
    return Sorted(
        {clip.id: clip for clip in metadata.clips}, {one: (why, more) for one, why, more in rows}
    )


def sort_one(
    root: Path,
    kind: str,
    annotation: str,
    footage: Sequence[str],
    files: Mapping[str, str | bytes] | None = None,
    **dataset: Any,
) -> Sorted:
    """As `sort`, of one annotation file of a format, footage of these names and whatever else is
    written beside them."""
    every = {"annotation": annotation, **empty_footage(*footage), **(files or {})}
    return sort(root, every, format=kind, annotations=["annotation"], **dataset)


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by their paths below a folder."""
    (root / "footage").mkdir(exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def _file(path: str) -> FootageFile:
    return FootageFile(
        path=path, sha256=path, bytes_=1, width=1, height=1, fps=8.0, duration_s=None, codec="h264"
    )


def msrvtt_text(*videos: dict[str, Any]) -> str:
    """MSR-VTT's JSON of these videos, each in a market."""
    sentences = [{"video_id": one["video_id"], "caption": "a market"} for one in videos]
    return json.dumps({"videos": videos, "sentences": sentences})


def captioned_text(*captions: object) -> str:
    """A list of single clips `v0`, `v1` ... with these captions."""
    return json.dumps([{"clip": f"v{i}", "caption": one} for i, one in enumerate(captions)])


def panda_text(*rows: str) -> str:
    """Panda-70M's table of these rows: video, URL, times, captions, scores."""
    return "\n".join(["videoID,url,timestamp,caption,matching_score", *rows, ""])


def empty_footage(*names: str) -> dict[str, bytes]:
    """Files that are only there."""
    return {f"footage/{name}.mp4": b"" for name in names}

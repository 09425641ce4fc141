"""Settings of a dataset (`configs/data/<dataset>.yaml`): where its annotations and footage are, in
which format, under which licence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from slora_assets.config.splits import KNOWN_SPLITS, OfficialSplit, official_split
from slora_assets.config.yaml_reader import Settings


class RenderedFootage(Settings):
    """Footage that the project renders itself when it is absent."""

    kind: Literal["render"]
    seed: int = 0
    """Same seed, same bytes."""
    clips_per_scenario: Annotated[int, Field(ge=1)] = 24
    others: Annotated[int, Field(ge=0)] = 40
    """Clips that belong to no scenario."""


class QualitySettings(Settings):
    """Footage that is refused for what it shows. Nothing here costs anything unless it is set."""

    max_cuts: Annotated[int, Field(ge=0)] | None = None
    """Most cuts inside a clip (`cuts_inside`)."""
    min_motion: Annotated[float, Field(ge=0)] | None = None
    """Least motion of the fastest 5 % of pixels, in picture heights per second
    (`too_little_motion`)."""
    near_duplicate_bits: Annotated[int, Field(ge=0, le=64)] | None = None
    """First frames whose 64 bit perceptual hashes differ in at most so many bits are one: the clip
    that the annotations name first stays (`near_duplicate`)."""

    @property
    def wanted(self) -> bool:
        """Whether anything has to be measured."""
        return self != QualitySettings()


class TimedCaptions(Settings):
    """Under which keys a JSON file of timed captions has what clips are made of; dots go deeper.
    The defaults are ActivityNet Captions' keys."""

    videos: str = ""
    """Of the videos, an object by their ids or a list; empty: the document itself."""
    id: str = "id"
    """Of a video's id, where videos are a list."""
    segments: str = ""
    """Of a video's list of captioned parts; empty: times and captions are lists side by side."""
    times: str = "timestamps"
    """Of `[start, end]` in seconds, or of the list of them."""
    start: str = ""
    """Instead, in a part: of its start ..."""
    end: str = ""
    """... and of its end."""
    captions: str = "sentences"
    """Of a part's caption, or of the list of them."""
    source: str = ""
    """Of a video's address; empty: the id is the source."""
    split: str = ""
    """Of a video's official split."""
    category: str = ""
    """Of a video's category."""


Format = Literal[
    "msrvtt",
    "vatex",
    "panda70m",
    "webvid",
    "captioned_clips",
    "folder",
    "timed_captions",
    "msvd",
]


class DatasetSettings(Settings):
    """One dataset: where its annotations and footage are, in which format, under which licence."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """Names the folder under `data/raw/`."""
    format: Format
    """`msrvtt`: `videodatainfo` JSON. `vatex`: JSON list of `{videoID, enCap}`. `panda70m`: CSV,
    lists in a row per video. `webvid`: CSV, a row per video. `captioned_clips`: JSON list of
    `{clip, caption}`. `folder`: a `.txt` or `.json` beside each video. `timed_captions`: JSON of
    captions at times of longer videos, see `mapping`. `msvd`: its CSV or `.txt` of descriptions.
    JSON may be plain, .gz or .xz."""
    mapping: TimedCaptions | None = None
    """Of the format `timed_captions`: the keys of its files."""
    annotations: Annotated[list[str], Field(min_length=1)]
    """Annotation files (format `folder`: folders); relative paths are taken from the workspace."""
    official_splits: dict[OfficialSplit, list[str]] = {}
    """CSV files with a column `video_id` that put clips into a split, whatever the annotations say:
    MSR-VTT's 7k, 9k and JSFusion lists. Clips that they don't list keep their own. `val`, `dev` and
    the like mean `validate`."""
    min_caption_score: float | None = None
    """A clip whose caption is known to fit worse (Panda-70M's `matching_score`) is rejected."""
    footage: str
    """Folder of the video files, `<clip id>.<extension>`; or its URL, as `s3://bucket/prefix`
    (docs/howto/object_storage.md)."""
    footage_holds: Literal["clips", "sources"] = "clips"
    """`clips`: each file is cut to its clip. `sources`: files are whole source videos, named by the
    source's id (of a YouTube address its `v`), and clips are cut out by start and end."""
    scenarios: str = "scenarios.yaml"
    """Beside this file: `<name>.yaml` with all scenarios, a folder `<name>/` with a file
    `<scenario>.yaml` for each, or both. Named by the file or by the folder."""
    licence: str
    """Of the footage; it stands in every adapter's header. Ids of SPDX, and what other licences are
    known by, are in `slora_assets/config/licences.py`."""
    use: str
    """Permitted use, in the words of the source; `any`, `non-commercial` or `research` first, where
    a preset is to be promoted for more than research."""
    clip_licences: list[str] = []
    """CSV files with the columns `video_id` and `licence`: of clips that are under another licence
    than the dataset's."""
    obtain: RenderedFootage | None = None
    """How to get the footage when it is not there; nothing means that a person provides it."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of source groups held out of training, where the dataset has no official split, or none
    for validation."""
    max_duration_difference_s: Annotated[float, Field(ge=0)] = 2.0
    """A file that is longer or shorter than its annotation says by more than this is another one:
    `duration_mismatch`."""
    min_side_px: Annotated[int, Field(ge=1)] = 16
    """A video that is less wide or less high shows nothing: `too_small`."""
    quality: QualitySettings = QualitySettings()
    clips_in_document: Annotated[int, Field(ge=0)] = 10_000
    """Up to so many clips stand in `scenario_metadata.json` and the manifests themselves; more go
    to Parquet, by scenario, and no stage reads those of another one. Likewise up to so many video
    files stand in `footage.json`."""
    shard_mib: Annotated[int, Field(ge=0, le=4096)] = 0
    """Latents and embeddings lie together in shards of at most so many MiB, for hundreds of
    thousands of clips; 0: each in a file of its own. What stands is taken over, not encoded again.
    """
    max_reject_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    """More unusable files than this share of those present fail curation, and so do more bad rows
    than this share of an annotation file's; more clips of a scenario than this share that the base
    can't be given (too short, say) fail its latents."""

    @model_validator(mode="after")
    def _footage_at_url_is_there(self) -> DatasetSettings:
        if self.obtain is not None and "://" in self.footage:
            raise ValueError("footage that is rendered goes to a folder, not to a URL")
        return self

    @model_validator(mode="after")
    def _mapping_of_timed_captions(self) -> DatasetSettings:
        if self.mapping is not None and self.format != "timed_captions":
            raise ValueError(f"a mapping is of the format timed_captions, not of {self.format}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(
        self, written: SerializerFunctionWrapHandler
    ) -> dict[str, object]:
        """Hashes of the configuration are what they were before it could be said."""
        kept: dict[str, object] = written(self)
        seldom = ("mapping", "clip_licences", "shard_mib")
        if self.clips_in_document == type(self).model_fields["clips_in_document"].default:
            kept.pop("clips_in_document", None)
        return {key: value for key, value in kept.items() if key not in seldom or value}

    @field_validator("official_splits", mode="before")
    @classmethod
    def _splits_by_one_name(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        found: dict[object, object] = {}
        for word, files in given.items():
            try:
                split = official_split(word)
            except ValueError as error:
                raise ValueError(f"{word!r}: {error}; known are {KNOWN_SPLITS}") from error
            if split is None or split in found:
                raise ValueError(f"{word!r}: a split that is named twice, or not at all")
            found[split] = files
        return found

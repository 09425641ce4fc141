"""Settings of curation: what a dataset is (`configs/data/<dataset>.yaml`) and what a scenario is
(`configs/data/scenarios.yaml`, `configs/data/scenarios/<scenario>.yaml`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from slora_assets.config.errors import ConfigError, MissingInputError
from slora_assets.config.scenario_files import SCENARIO_NAME, ScenarioFiles, is_scenario_name
from slora_assets.config.yaml_reader import Settings, line_of, read_settings

ScenarioName = Annotated[str, Field(pattern=SCENARIO_NAME)]
"""Scenario names become partition keys, folder names and URL parts: lower case, digits, '_'."""


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


class DatasetSettings(Settings):
    """One dataset: where its annotations and footage are, in which format, under which licence."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """Names the folder under `data/raw/`."""
    format: Literal["msrvtt", "vatex", "panda70m", "webvid", "captioned_clips", "folder"]
    """`msrvtt`: `videodatainfo` JSON. `vatex`: JSON list of `{videoID, enCap}`. `panda70m`: CSV,
    lists in a row per video. `webvid`: CSV, a row per video. `captioned_clips`: JSON list of
    `{clip, caption}`. `folder`: a `.txt` or `.json` beside each video. JSON may be plain,
    .gz or .xz."""
    annotations: Annotated[list[str], Field(min_length=1)]
    """Annotation files (format `folder`: folders); relative paths are taken from the workspace."""
    official_splits: dict[Literal["train", "validate", "test"], list[str]] = {}
    """CSV files with a column `video_id` that put clips into a split, whatever the annotations say:
    MSR-VTT's 7k, 9k and JSFusion lists. Clips that they don't list keep their own."""
    min_caption_score: float | None = None
    """A clip whose caption is known to fit worse (Panda-70M's `matching_score`) is rejected."""
    footage: str
    """Folder of the video files, `<clip id>.<extension>`."""
    footage_holds: Literal["clips", "sources"] = "clips"
    """`clips`: each file is cut to its clip. `sources`: files are whole source videos, named by the
    source's id (of a YouTube address its `v`), and clips are cut out by start and end."""
    scenarios: str = "scenarios.yaml"
    """Beside this file: `<name>.yaml` with all scenarios, a folder `<name>/` with a file
    `<scenario>.yaml` for each, or both. Named by the file or by the folder."""
    licence: str
    """Of the footage; it stands in every adapter's header."""
    use: str
    """Permitted use, in the words of the source."""
    obtain: RenderedFootage | None = None
    """How to get the footage when it is not there; nothing means that a person provides it."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of source groups held out of training, where the dataset has no official split."""
    max_duration_difference_s: Annotated[float, Field(ge=0)] = 2.0
    """A file that is longer or shorter than its annotation says by more than this is another one:
    `duration_mismatch`."""
    min_side_px: Annotated[int, Field(ge=1)] = 16
    """A video that is less wide or less high shows nothing: `too_small`."""
    quality: QualitySettings = QualitySettings()
    max_reject_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    """More unusable files than this share of those present fail curation; more clips of a scenario
    than this share that the base can't be given (too short, say) fail its latents."""


class ScenarioSettings(Settings):
    """One scenario: which captions belong to it and what its prompts look like."""

    description: str
    keywords: Annotated[list[str], Field(min_length=1)]
    """Words or phrases; matched at word bounds, without regard to case, plurals included."""
    exclude: list[str] = []
    """A caption with one of these doesn't count as matching."""
    prompt_templates: Annotated[list[str], Field(min_length=1)] = ["{caption}"]
    """`{caption}` stands for the clip's caption, `{description}` for the scenario's description."""
    min_matching_captions: Annotated[int, Field(ge=1)] = 3
    """A clip belongs when at least this many of its captions match (or all, if it has fewer)."""
    min_matching_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """... and at least this share of them."""
    min_train_clips: Annotated[int, Field(ge=1)] = 8
    """With fewer clips to train on the scenario fails, alone and with its counts."""
    min_validation_clips: Annotated[int, Field(ge=1)] = 1
    """Likewise, of clips that are held out."""
    prompts_per_clip: Annotated[int, Field(ge=1)] = 4
    """At most this many prompts per clip, chosen deterministically."""
    priority: int = 0
    """Higher wins when a clip matches several scenarios; equal priority: more matching captions."""
    retired: bool = False
    """Its partition, its history and what is served of it stay; it gets no clips and is not trained
    again, and other scenarios may have its keywords."""
    retired_because: str = ""
    """Why, in the words of whoever retired it."""

    @property
    def why_retired(self) -> str:
        """That it is retired, and why, as people are told."""
        because = self.retired_because
        return f"it is retired: {because}" if because else "it is retired"

    @model_serializer(mode="wrap")
    def _without_what_is_not_so(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Hashes of the configuration are over what is dumped: they are of an active scenario what
        they were before one could be retired."""
        kept: dict[str, object] = written(self)
        gone = () if self.retired else ("retired", "retired_because")
        return {key: value for key, value in kept.items() if key not in gone}

    def needed_captions(self, captions: int) -> int:
        """How many of a clip's captions must match."""
        share = math.ceil(round(self.min_matching_share * captions, 9))
        return max(min(self.min_matching_captions, captions), share, 1)

    @field_validator("prompt_templates")
    @classmethod
    def _known_placeholders(cls, templates: list[str]) -> list[str]:
        for template in templates:
            unknown = set(re.findall(r"\{(\w*)\}", template)) - {"caption", "description"}
            if unknown:
                raise ValueError(
                    f"template {template!r} has unknown placeholders {sorted(unknown)};"
                    " known are {caption} and {description}"
                )
        return templates


class ScenariosSettings(Settings):
    """All scenarios; their names are the partitions of the asset graph."""

    schema_version: Literal[1]
    scenarios: Annotated[dict[ScenarioName, ScenarioSettings], Field(min_length=1)]

    @property
    def active(self) -> dict[str, ScenarioSettings]:
        """Those that are not retired."""
        return {name: one for name, one in self.scenarios.items() if not one.retired}

    @model_validator(mode="after")
    def _names_are_free(self) -> ScenariosSettings:
        for name in self.scenarios:
            if not is_scenario_name(name):
                raise ValueError(f"{name} is the name of the run over all scenarios")
        return self

    @model_validator(mode="after")
    def _no_keyword_twice(self) -> ScenariosSettings:
        shared = shared_keyword(self.scenarios)
        if shared is not None:
            keyword, owner, name = shared
            raise ValueError(f"keyword {keyword!r} belongs to both {owner} and {name}")
        return self


class SharedKeyword(NamedTuple):
    """A keyword that two scenarios claim."""

    keyword: str
    owner: str
    other: str


def shared_keyword(scenarios: Mapping[str, ScenarioSettings]) -> SharedKeyword | None:
    """The first keyword of two scenarios, of which neither is retired."""
    owners: dict[str, str] = {}
    for name, scenario in scenarios.items():
        for keyword in () if scenario.retired else scenario.keywords:
            owner = owners.setdefault(keyword.lower(), name)
            if owner != name:
                return SharedKeyword(keyword, owner, name)
    return None


def read_dataset(path: Path) -> tuple[DatasetSettings, ScenariosSettings]:
    """Read a dataset file and the scenarios it names. Raises ConfigError, MissingInputError."""
    dataset = read_settings(path, DatasetSettings)
    return dataset, read_scenarios(scenario_files(path, dataset))


def scenario_files(dataset_file: Path, dataset: DatasetSettings) -> ScenarioFiles:
    """Where the scenarios of a dataset are written down."""
    return ScenarioFiles.named(dataset_file.parent / dataset.scenarios)


def read_scenarios(files: ScenarioFiles) -> ScenariosSettings:
    """The scenarios of the shared file in its order, then those of the folder by name.

    Raises MissingInputError when there are none, ConfigError for what is wrong in a file, for a
    scenario in both places and for a keyword of two scenarios.
    """
    small = files.small()
    if not small and files.shared.is_file():
        return read_settings(files.shared, ScenariosSettings)
    if not small:
        raise MissingInputError(
            "there are no scenarios",
            file=files.shared,
            expected=f"this file, or a file for each scenario in {files.folder}",
            remedy="correct 'scenarios' in the dataset's file, or write the first one with"
            " `slora scenario add`",
        )
    found: dict[str, ScenarioSettings] = {}
    if files.shared.is_file():
        found |= read_settings(files.shared, ScenariosSettings).scenarios
    _refuse_twice(files, found, small)
    found |= {name: read_settings(file, ScenarioSettings) for name, file in small.items()}
    refuse_shared_keyword(files, found)
    return ScenariosSettings(schema_version=1, scenarios=found)


def _refuse_twice(
    files: ScenarioFiles, shared: Mapping[str, ScenarioSettings], small: Mapping[str, Path]
) -> None:
    for name in sorted(shared.keys() & small.keys()):
        line = line_of(files.shared, "scenarios", name)
        raise ConfigError(
            f"the scenario {name} stands here and in {files.shared}, line {line}",
            file=small[name],
            remedy="keep one of the two",
        )


def refuse_shared_keyword(files: ScenarioFiles, scenarios: Mapping[str, ScenarioSettings]) -> None:
    """Raise ConfigError for a keyword that two of the scenarios claim, naming both places."""
    shared = shared_keyword(scenarios)
    if shared is None:
        return
    places = {}
    for name in (shared.owner, shared.other):
        file, way = files.place(name)
        keywords = [keyword.lower() for keyword in scenarios[name].keywords]
        at = (*way, "keywords", keywords.index(shared.keyword.lower()))
        places[name] = file, line_of(file, *at) if file.is_file() else None
    owner, line = places[shared.owner]
    raise ConfigError(
        f"keyword {shared.keyword!r} of {shared.other} belongs to {shared.owner} too, in {owner},"
        f" line {line}",
        file=places[shared.other][0],
        line=places[shared.other][1],
        key="keywords",
        remedy="leave it to one of the two, or retire one",
    )

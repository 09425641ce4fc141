"""Which part of the configuration each asset depends on, and that it was told so.

Each part is an asset of its own in the graph, with the hash of what it says as data version: an
edit makes stale what reads the part, and nothing else. What a materialization has really read is
noted with it, because Dagster would take what was observed last, and an edit may be a second old.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import dagster as dg

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.errors import SloraError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import ValidationPrompts
from slora_assets.curation.validation_prompts import (
    Prompt,
    other_prompts,
    prompts_of,
    share_of_each,
    spread,
)
from slora_assets.defs.data_versions import DATA_VERSION, input_tags, last_observation
from slora_assets.defs.metadata import scenario_of
from slora_assets.defs.project import ProjectResource
from slora_assets.deployment.presets import read_presets
from slora_assets.provenance import Json, object_hash, sha256_file
from slora_assets.provenance.curated import curated_now
from slora_assets.provenance.takedowns import head_of
from slora_assets.validation.as_served import serving_of


class Configured:
    """The configuration, each file read once when something asks for it. Raises ConfigError and
    MissingInputError there."""

    def __init__(self, project: ProjectResource) -> None:
        self._project = project
        self.workspace = project.workspace()

    @cached_property
    def data(self) -> tuple[DatasetSettings, ScenariosSettings]:
        """The dataset and its scenarios."""
        return self._project.dataset()

    @cached_property
    def recipe(self) -> TrainingSettings:
        """The recipe."""
        return self._project.training()

    @cached_property
    def asked(self) -> ValidationPrompts:
        """Prompts, seeds and gate."""
        return self._project.prompts()

    @cached_property
    def together(self) -> list[str]:
        """Scenarios that the unified run learns from, as far as is known."""
        active = list(self.data[1].active)
        try:
            entries = curated_now(self.workspace).summary.scenarios
        except SloraError:
            return active
        return [name for name in active if name in entries and not entries[name].shortfall]

    def written(self, scenario: str) -> list[Prompt]:
        """The prompts that stand in the file for a scenario; none where its clips are asked for
        theirs, which hang on its manifest."""
        return prompts_of(self.asked, scenario, ())


def _footage(now: Configured, _: str) -> Json:
    dataset = now.data[0]
    kept = {"name", "format", "annotations", "official_splits", "clip_licences", "footage"}
    kept |= {"obtain", "min_side_px"}
    return dataset.model_dump(mode="json", include=kept) | {"measured": dataset.quality.wanted}


def _curation(now: Configured, _: str) -> Json:
    dataset, scenarios = now.data
    # Where footage is and whether it may be used at all show in the inventory.
    before = {"footage", "obtain", "min_side_px", "max_reject_share"}
    told: list[Json] = [dataset.model_dump(mode="json", exclude=before)]
    taken = head_of(now.workspace)  # no setting, and yet it decides which clips there are
    return [*told, scenarios.model_dump(mode="json"), *([taken] if taken else [])]


def _base(now: Configured, _: str) -> Json:
    return [now.recipe.base_model, now.recipe.scorer]


def _prompts(now: Configured, scenario: str) -> Json:
    return sorted(prompt.text for prompt in now.written(scenario))


def _training(now: Configured, scenario: str) -> Json:
    return [now.recipe.resolved(), now.asked.seeds, _drawn(now, scenario)]


def _unified_training(now: Configured, _: str) -> Json:
    drawn = [_drawn(now, scenario) for scenario in now.together]
    return [now.recipe.resolved(), now.asked.seeds, drawn]


def _drawn(now: Configured, scenario: str) -> Json:
    """What epochs draw."""
    return _named(spread(now.written(scenario), now.recipe.validation.prompts))


def _gate(now: Configured, scenario: str) -> Json:
    asked = _labelled(now.written(scenario))
    return [*_judged(now), asked, _others(now, [scenario]), _served(now, [scenario])]


def _unified_gate(now: Configured, _: str) -> Json:
    share = share_of_each(now.asked, len(now.together))
    asked = [_labelled(spread(now.written(name), share)) for name in now.together]
    served = _served(now, now.together)
    return [*_judged(now), asked, _others(now, now.together), served]


def _others(now: Configured, scenarios: list[str]) -> Json:
    """Prompts of others, which a verdict's clips are held against."""
    return [other_prompts(now.asked, name) for name in scenarios]


def _judged(now: Configured) -> list[Json]:
    asked = now.asked
    return [asked.seeds, asked.gate.model_dump(mode="json"), asked.neutral]


def _served(now: Configured, scenarios: list[str]) -> Json:
    """How the clips of a verdict are sampled. The strength is left out, as a promotion that chooses
    one makes no verdict stale; the check `verdict_is_current` says where it is about another."""
    return serving_of(now.workspace, scenarios).sampling()


def _named(prompts: list[Prompt]) -> Json:
    return [[prompt.id, prompt.text] for prompt in prompts]


def _labelled(prompts: list[Prompt]) -> Json:
    return [
        [prompt.id, prompt.text, prompt.subject, prompt.motion, prompt.template]
        for prompt in prompts
    ]


def _sweep(now: Configured, _: str) -> Json:
    """At which strengths, and with which speeds."""
    presets = read_presets(now.workspace.presets)
    return [now.asked.sweep, presets.model_dump(mode="json", include={"speed"})]


def _serving(now: Configured, _: str) -> Json:
    return sha256_file(now.workspace.presets)


@dataclass(frozen=True)
class Part:
    """A part of the configuration, as one asset."""

    name: str
    says: Callable[[Configured, str], Json]
    """What it says, for a scenario where it has partitions."""
    by_scenario: bool
    files: str
    """Where a person edits it."""
    description: str


_DATA: Final = "configs/data/"
_RECIPE: Final = "configs/training/<recipe>.yaml"
_PROMPTS: Final = "configs/training/validation_prompts.yaml"
_PRESETS: Final = "configs/model/optimized_inference.yaml"

PARTS: Final[Mapping[str, Part]] = {
    part.name: part
    for part in (
        Part("footage_settings", _footage, False, _DATA, "Where footage and annotations are."),
        Part(
            "curation_settings",
            _curation,
            False,
            _DATA,
            "Keywords, exclusions, prompt templates, minimum counts and splits.",
        ),
        Part("base_settings", _base, False, _RECIPE, "Which base and which scorer."),
        Part("prompt_settings", _prompts, True, _PROMPTS, "What a scenario's validation asks."),
        Part(
            "training_settings",
            _training,
            True,
            f"{_RECIPE}, {_PROMPTS}",
            "The recipe, and the prompts and seeds that a scenario's epochs draw.",
        ),
        Part(
            "unified_training_settings",
            _unified_training,
            False,
            f"{_RECIPE}, {_PROMPTS}",
            "The recipe, and the prompts and seeds that the unified run's epochs draw.",
        ),
        Part(
            "gate_settings",
            _gate,
            True,
            f"{_PROMPTS}, {_PRESETS}",
            "What a scenario's verdict is asked, with which seeds and how it is sampled, and what"
            " the gate guards.",
        ),
        Part(
            "unified_gate_settings",
            _unified_gate,
            False,
            f"{_PROMPTS}, {_PRESETS}",
            "What the unified verdict is asked, with which seeds, and what the gate guards.",
        ),
        Part(
            "sweep_settings",
            _sweep,
            False,
            f"{_PROMPTS}, {_PRESETS}",
            "At which strengths and speeds a sweep judges.",
        ),
        Part(
            "serving_settings",
            _serving,
            False,
            _PRESETS,
            "Presets: who may be served, at which scales.",
        ),
    )
}


def version_of(part: Part, now: Configured, scenario: str | None) -> str:
    """The data version of a part: the hash of what it says. Raises what reading raises."""
    return object_hash(part.says(now, scenario or ""))


def read_by(
    context: dg.AssetExecutionContext, project: ProjectResource, name: str
) -> dict[str, str]:
    """Tags for a materialization that reads the part `name` as it is now.

    What wasn't observed yet is observed by this. Raises ConfigError, MissingInputError.
    """
    part = PARTS[name]
    scenario = scenario_of(context) if part.by_scenario else None
    version = version_of(part, Configured(project), scenario)
    seen, event = last_observation(context.instance, name, scenario)
    if seen != version:
        context.log_event(observation(name, scenario, version))
        _, event = last_observation(context.instance, name, scenario)
    return input_tags(name, version, event)


def observation(name: str, scenario: str | None, version: str) -> dg.AssetObservation:
    """The event that says what a part says."""
    return dg.AssetObservation(name, partition=scenario, tags={DATA_VERSION: version})

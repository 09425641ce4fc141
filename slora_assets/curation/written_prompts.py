"""What `slora prompts` does: prompts out of the footage into the prompts file, and a listing of
what validation would ask."""

from __future__ import annotations

from collections.abc import Sequence

from slora_assets.config.data import ScenarioSettings, read_dataset, scenario_files
from slora_assets.config.errors import CurationError, MissingInputError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.distinct import DistinctTexts
from slora_assets.curation.held_out_prompts import HeldOutPrompts, held_out_prompts
from slora_assets.curation.prompts_file import edited_text, entry_lines, write_entry
from slora_assets.curation.retirement import known_scenario, refuse_retired
from slora_assets.curation.validation_prompts import (
    Prompt,
    missing_prompts,
    prompts_needed,
    prompts_of,
)
from slora_assets.documents import Clip
from slora_assets.provenance.curated import curated_now


def write_prompts(
    workspace: Workspace, scenario: str, count: int | None, *, replace: bool, dry_run: bool
) -> list[str]:
    """Write a scenario's prompts, `count` or as many as a pass needs, for a person to edit. Returns
    what they are told; with `dry_run` that is all.

    Raises ConfigError for an unknown scenario and for prompts of a person's (unless `replace`),
    CurationError for a retired one and for one whose held-out clips give no prompt at all,
    MissingInputError before `make data`.
    """
    settings, file = _settings(workspace, scenario), workspace.validation_prompts
    refuse_retired(workspace, scenario)
    needed = prompts_needed(read_validation_prompts(file))
    wanted = needed if count is None else count
    made = held_out_prompts(scenario, settings, _clips(workspace, scenario), wanted)
    if not made.prompts:
        raise CurationError(
            f"captions of the {made.clips} held-out clips of {scenario} give no prompt",
            file=workspace.scenario_metadata,
            key=f"scenarios.{scenario}",
            remedy=f"hold out clips with captions, or write prompts by hand into {file}",
        )
    if dry_run:
        edited_text(file, scenario, made.prompts, replace=replace)
    else:
        write_entry(file, scenario, made.prompts, replace=replace)
    return [
        f"{file}{' (not written)' if dry_run else ''}:",
        *entry_lines(scenario, made.prompts),
        "",
        *_told(scenario, made, wanted, needed),
    ]


def _settings(workspace: Workspace, scenario: str) -> ScenarioSettings:
    dataset, _ = read_dataset(workspace.dataset_file)
    return known_scenario(scenario_files(workspace.dataset_file, dataset), scenario)


def _clips(workspace: Workspace, scenario: str) -> list[Clip]:
    curated = curated_now(workspace)
    if scenario not in curated.summary.scenarios:
        raise CurationError(
            f"the clips were sorted before there was a scenario {scenario}",
            file=workspace.scenario_metadata,
            remedy="run `make data`",
        )
    return curated.of_scenario(scenario)


def _told(scenario: str, made: HeldOutPrompts, wanted: int, needed: int) -> list[str]:
    number, sources = len(made.prompts), len({prompt.subject for prompt in made.prompts})
    lines = [
        f"{scenario}: {_prompts(number)} out of captions of {_clips_held_out(made.clips)}, of"
        f" {'1 source' if sources == 1 else f'{sources} sources'}; a pass needs {needed}"
    ]
    if number < wanted:
        lines.append(
            f"{_are(wanted - number)} missing, as the captions give no more that differ: hold out"
            " more clips (more footage, or a higher validation_share), write some by hand, or give"
            " the scenario another prompt template"
        )
    if made.trained_on:
        lines.append(
            f"the last {made.trained_on} say what prompts of training clips say too: better write"
            " others by hand"
        )
    return [*lines, "read them, edit what reads badly, take out what is off the point"]


def prompts_shown(workspace: Workspace, scenario: str) -> list[str]:
    """What validation would ask a scenario's adapter now, with labels and counts.

    Raises ConfigError for an unknown scenario, MissingInputError for one that is asked with the
    prompts of its clips before `make data`.
    """
    _settings(workspace, scenario)
    file = workspace.validation_prompts
    settings = read_validation_prompts(file)
    written = scenario in settings.scenarios
    try:
        clips = _clips(workspace, scenario)
    except (CurationError, MissingInputError):
        if not written:
            raise
        clips = []
    prompts = prompts_of(settings, scenario, clips)
    origin = (
        f"prompts written in {file}"
        if written
        else f"prompts of its validation clips, as {file} has none for it"
    )
    missing = missing_prompts(settings, [scenario], clips)
    return [
        f"{scenario}: {origin}",
        *(_line(prompt) for prompt in prompts),
        f"{_counts(prompts)}; a pass needs {prompts_needed(settings)} prompts",
        *([missing] if missing else []),
    ]


def _line(prompt: Prompt) -> str:
    labels = {"subject": prompt.subject, "motion": prompt.motion, "template": prompt.template}
    said = "; ".join(f"{name} {label}" for name, label in labels.items() if label is not None)
    return f"  {prompt.id}  {prompt.text}{f'  ({said})' if said else ''}"


def _counts(prompts: Sequence[Prompt]) -> str:
    said = DistinctTexts()
    texts = sum(said.add(prompt.text) for prompt in prompts)
    parts = [_prompts(len(prompts)), f"{texts} of them distinct"]
    for name, labels in (
        ("subjects", [prompt.subject for prompt in prompts]),
        ("motions", [prompt.motion for prompt in prompts]),
        ("templates", [prompt.template for prompt in prompts]),
    ):
        given = len({label for label in labels if label is not None})
        without = f" ({labels.count(None)} prompts without)" if given and None in labels else ""
        parts.append(f"{given or 'no'} {name if given != 1 else name[:-1]}{without}")
    return ", ".join(parts)


def _prompts(number: int) -> str:
    return "1 prompt" if number == 1 else f"{number} prompts"


def _are(number: int) -> str:
    return "1 is" if number == 1 else f"{number} are"


def _clips_held_out(number: int) -> str:
    return "1 held-out clip" if number == 1 else f"{number} held-out clips"

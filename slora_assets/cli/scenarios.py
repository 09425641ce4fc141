"""`slora scenario`: add one, list and show what there is, retire one that is done with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from slora_assets.cli.arguments import Name, Reason
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace

if TYPE_CHECKING:
    from slora_assets.config.data import DatasetSettings, ScenariosSettings

scenario_app = typer.Typer(no_args_is_help=True)


NewName = Annotated[str, typer.Argument(help="Lower case, digits, '_'.")]
Keywords = Annotated[str, typer.Option(help="Words or phrases, parted by commas.")]
Description = Annotated[str, typer.Option(help="What its clips show, in a few words.")]
WeakKeywords = Annotated[
    str, typer.Option(help="Words that count where no keywords decide, parted by commas.")
]
Exclude = Annotated[str, typer.Option(help="Words that don't count, parted by commas.")]
Categories = Annotated[
    str, typer.Option(help="The dataset's categories that it is limited to, parted by commas.")
]
Templates = Annotated[
    list[str] | None,
    typer.Option(help="Prompt template with {caption}, {description} (repeatable)."),
]
MinCaptions = Annotated[int | None, typer.Option(help="So many captions of a clip must match.")]
MinShare = Annotated[float | None, typer.Option(help="... and this share of them, 0 to 1.")]
MinTrain = Annotated[int | None, typer.Option(help="Least clips to train on.")]
MinValidation = Annotated[int | None, typer.Option(help="Least clips held out.")]
PromptsPerClip = Annotated[int | None, typer.Option(help="Most prompts of one clip.")]
Priority = Annotated[int | None, typer.Option(help="Higher wins over others.")]


@scenario_app.command("add")
def add_scenario(
    name: NewName,
    keywords: Keywords,
    description: Description,
    weak_keywords: WeakKeywords = "",
    exclude: Exclude = "",
    categories: Categories = "",
    template: Templates = None,
    min_captions: MinCaptions = None,
    min_share: MinShare = None,
    min_train: MinTrain = None,
    min_validation: MinValidation = None,
    prompts_per_clip: PromptsPerClip = None,
    priority: Priority = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it and write nothing.")] = False,
) -> None:
    """Write a scenario's YAML, and show what the footage would give it. Nothing else is written."""
    from slora_assets.config.data import DatasetSettings, scenario_files
    from slora_assets.config.yaml_reader import read_settings
    from slora_assets.curation.new_scenario import draft, write

    workspace = Workspace.from_environment()
    dataset = read_settings(workspace.dataset_file, DatasetSettings)
    given = {
        "description": description,
        "keywords": _parted(keywords),
        "weak_keywords": _parted(weak_keywords) or None,
        "exclude": _parted(exclude) or None,
        "categories": _parted(categories) or None,
        "prompt_templates": template or None,
        "min_matching_captions": min_captions,
        "min_matching_share": min_share,
        "min_train_clips": min_train,
        "min_validation_clips": min_validation,
        "prompts_per_clip": prompts_per_clip,
        "priority": priority,
    }
    keys = {key: value for key, value in given.items() if value is not None}
    new = draft(scenario_files(workspace.dataset_file, dataset), name, keys)
    if not dry_run:
        write(new)
    typer.echo(f"{new.file}{' (not written)' if dry_run else ''}:\n{new.text}")
    _show_outlook(workspace, dataset, new.scenarios, name)
    if not dry_run:
        _say_what_follows(workspace, name)


@scenario_app.command("list")
def list_scenarios() -> None:
    """Name the active dataset's scenarios, with the file of each and how its data stand."""
    from slora_assets.config.data import read_dataset, scenario_files
    from slora_assets.config.errors import MissingInputError
    from slora_assets.curation.report import counts_of, state_of
    from slora_assets.provenance.curated import curated_now

    workspace = Workspace.from_environment()
    dataset, scenarios = read_dataset(workspace.dataset_file)
    files = scenario_files(workspace.dataset_file, dataset)
    try:
        sorted_ = curated_now(workspace).summary.scenarios
    except MissingInputError:
        sorted_ = {}
    for name, settings in scenarios.scenarios.items():
        if settings.retired:
            state = settings.why_retired
        elif name in sorted_:
            state = f"{state_of(sorted_[name])}; {counts_of(sorted_[name])}"
        else:
            state = "not sorted yet: run `make data`"
        typer.echo(f"{name} ({files.place(name)[0]}): {state}")


@scenario_app.command("show")
def show_scenario(name: Name) -> None:
    """Show a scenario's YAML, and what the footage gives it now. Nothing is written."""
    from slora_assets.config.data import read_dataset, scenario_files
    from slora_assets.curation.new_scenario import yaml_text
    from slora_assets.curation.retirement import known_scenario

    workspace = Workspace.from_environment()
    dataset, scenarios = read_dataset(workspace.dataset_file)
    files = scenario_files(workspace.dataset_file, dataset)
    settings = known_scenario(files, name)
    typer.echo(f"{files.place(name)[0]}:\n{yaml_text(settings)}")
    if settings.retired:
        typer.echo(f"{name}: {settings.why_retired}")
    else:
        _show_outlook(workspace, dataset, scenarios, name)
    typer.echo(_served(workspace, name))


@scenario_app.command("retire")
def retire_scenario(
    name: Annotated[str, typer.Argument(help="The scenario that is done with.")], reason: Reason
) -> None:
    """Take a scenario out of work: no clips, no training. What was made of it stays."""
    from slora_assets.config.data import DatasetSettings, scenario_files
    from slora_assets.config.yaml_reader import read_settings
    from slora_assets.curation.retirement import retire

    workspace = Workspace.from_environment()
    dataset = read_settings(workspace.dataset_file, DatasetSettings)
    file = retire(scenario_files(workspace.dataset_file, dataset), name, reason)
    typer.echo(f"{name}: retired in {file}" if file else f"{name}: was retired already")
    typer.echo("Its partition, history and adapter stay; with the next `make data` its clips go.")
    typer.echo(_served(workspace, name))


def _parted(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _show_outlook(
    workspace: Workspace, dataset: DatasetSettings, scenarios: ScenariosSettings, name: str
) -> None:
    """What the footage gives a scenario; a sentence where there is nothing to look at yet."""
    from slora_assets.curation.outlook import look_ahead, outlook_lines

    try:
        lines = outlook_lines(look_ahead(name, dataset, scenarios, workspace))
    except SloraError as error:
        lines = [f"what the footage would give can't be seen: {error}"]
    typer.echo("\n".join(lines))


def _served(workspace: Workspace, name: str) -> str:
    """What is served of a scenario."""
    from slora_assets.deployment.presets import read_presets

    preset = read_presets(workspace.presets).presets.get(name)
    if preset is None:
        return f"nothing of it is served; a promotion needs presets.{name} in {workspace.presets}"
    if preset.sha256 is None:
        return "nothing of it is served"
    return f"its adapter {preset.sha256} is served until `slora demote {name}`"


def _say_what_follows(workspace: Workspace, name: str) -> None:
    typer.echo(
        f"""{_served(workspace, name)}

Its partition is there for every command from now on, and in a running UI once the code location is
reloaded there. From footage to verdict:
  dg launch --job refresh --partition {name}
or some assets alone, once `make data` has run:
  dagster asset materialize -m slora_assets.definitions --partition {name} \\
    --select scenario_manifest,first_frames,latents,prompt_embeddings"""
    )

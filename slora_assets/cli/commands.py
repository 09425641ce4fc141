"""`slora`: what a person does from the shell: curate, add scenarios, write prompts, promote,
demote, take footage down, clean, push to a store and pull from it, verify, detect, sign, export,
read logs, reports, preferences and schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slora_assets.adapter_files.naming import Naming
from slora_assets.cli.api_keys import api_keys_app
from slora_assets.cli.arguments import Reason
from slora_assets.cli.clean import clean
from slora_assets.cli.detect import detect
from slora_assets.cli.exports import export
from slora_assets.cli.keys import keys_app, sign
from slora_assets.cli.prompts import prompts_app
from slora_assets.cli.provenance import lineage, reproduce, verify
from slora_assets.cli.scenarios import scenario_app
from slora_assets.cli.storage import pull, push, stored
from slora_assets.cli.takedown import takedown
from slora_assets.config.licences import Use
from slora_assets.config.workspace import Workspace

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(scenario_app, name="scenario", help="Add, look at and retire scenarios.")
app.command()(verify)
app.command()(lineage)
app.command()(reproduce)
app.command()(export)
app.add_typer(prompts_app, name="prompts", help="Write and list the prompts of validation.")
app.command()(takedown)
app.command()(sign)
app.add_typer(keys_app, name="keys", help="Whose signatures count on this machine.")
app.add_typer(api_keys_app, name="api-keys", help="Who may use the service over the network.")
app.command()(detect)
app.command()(clean)
app.command()(push)
app.command()(pull)
app.command()(stored)

Scenario = Annotated[str, typer.Argument(help="The scenario whose preset changes.")]
By = Annotated[str, typer.Option(help="Who decides.")]


@app.command()
def promote(
    scenario: Scenario,
    by: By,
    reason: Reason,
    override_inconclusive: Annotated[
        bool, typer.Option(help="Let an inconclusive verdict through; the log keeps that.")
    ] = False,
    scale: Annotated[
        float | None,
        typer.Option(help="Strength to serve at.  [default: the best that the gate let through]"),
    ] = None,
    use: Annotated[
        Use | None,
        typer.Option(help="What for.  [default: the most that the licences of its parents allow]"),
    ] = None,
) -> None:
    """Let a scenario's best adapter be served, if its verdict and its licences allow it."""
    from slora_assets.deployment.promotion import promote as promote_adapter

    done = promote_adapter(
        Workspace.from_environment(), scenario, by, reason, override_inconclusive, scale, use
    )
    state = "promoted" if done.change else "was promoted already"
    found = done.strengths
    typer.echo(
        f"{scenario}: {done.sha256} {state} (verdict {done.verdict}) at strength {found.scale:g};"
        f" requests may ask for {found.least:g} to {found.most:g}, speeds"
        f" {', '.join(found.speeds)}; for {done.use} use"
    )


@app.command()
def demote(scenario: Scenario, by: By, reason: Reason) -> None:
    """Stop serving a scenario's adapter; it stays in the registry."""
    from slora_assets.deployment.promotion import demote as demote_adapter

    demote_adapter(Workspace.from_environment(), scenario, by, reason)
    typer.echo(f"{scenario}: demoted")


@app.command()
def log() -> None:
    """Verify the hash-chained log of promotions and print it."""
    from slora_assets.deployment.changelog import one_line, read_changes

    for change in read_changes(Workspace.from_environment().changelog):
        adapter = f" {change.sha256}" if change.sha256 else ""
        by, reason = one_line(change.by), one_line(change.reason)
        use = f" for {change.use} use" if change.use else ""
        typer.echo(f"{change.action} {change.scenario}{adapter}{use} by {by}: {reason}")


@app.command()
def preferences(
    run: Annotated[str | None, typer.Option(help="One run; default: all with a verdict.")] = None,
) -> None:
    """Print what people preferred in `make compare`, in Markdown. Nothing is written."""
    from slora_assets.validation.preferences.report import preference_report

    typer.echo(preference_report(Workspace.from_environment(), run), nl=False)


@app.command()
def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Scenarios, or lora_unified; default: all with a verdict."),
    ] = None,
) -> None:
    """Write a page per run and the project's, one HTML file each, and say where they are."""
    from slora_assets.reports.all_reports import write_reports

    for path in write_reports(Workspace.from_environment(), runs):
        typer.echo(path)


@app.command()
def curate() -> None:
    """Sort the active dataset's clips into scenarios, without Dagster: for trying out keywords."""
    from slora_assets.config.data import read_dataset
    from slora_assets.curation.report import counts_of, leaks_in
    from slora_assets.curation.stage import curate as curate_dataset
    from slora_assets.footage.inventory import take_inventory

    workspace = Workspace.from_environment()
    dataset, scenarios = read_dataset(workspace.dataset_file)
    inventory = take_inventory(dataset, workspace)
    curated = curate_dataset(dataset, scenarios, inventory, workspace)
    for name, entry in curated.summary.scenarios.items():
        typer.echo(f"{name}: {entry.shortfall if entry.retired else counts_of(entry)}")
    for leak in leaks_in(curated):
        typer.echo(leak)
    typer.echo(workspace.curation_report)


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="An adapter, in any of the namings.")],
    to: Annotated[Naming, typer.Option(help="The naming to write.")],
    out: Annotated[Path, typer.Option(help="Where the converted adapter goes.")],
    architecture: Annotated[
        str | None, typer.Option(help="cogvideox, ltx or wan, where the layers alone don't tell.")
    ] = None,
) -> None:
    """Rename an adapter for Kohya's tools or ComfyUI, or back for diffusers, without loss."""
    from slora_assets.adapter_files.conversion import convert as convert_adapter

    done = convert_adapter(file, to, out, architecture)
    ranks = sorted({layer.rank for layer in done.layers.values()})
    alphas = sorted(set(done.alphas.values()))
    typer.echo(
        f"{out}: {len(done.layers)} layers of {done.architecture.name}, rank"
        f" {', '.join(map(str, ranks))}, alpha {', '.join(f'{alpha:g}' for alpha in alphas)}"
    )


@app.command()
def schemas(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")] = Path("docs/schemas"),
) -> None:
    """Write the JSON Schemas of the documents that runs leave behind."""
    from slora_assets.documents.schemas import schemas as document_schemas
    from slora_assets.provenance import write_json

    for name, schema in document_schemas().items():
        path = folder / f"{name}.schema.json"
        write_json(path, schema)
        typer.echo(path)

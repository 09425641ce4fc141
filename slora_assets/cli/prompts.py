"""`slora prompts`: write a scenario's validation prompts, and list them."""

from __future__ import annotations

from typing import Annotated

import typer

from slora_assets.cli.arguments import Name
from slora_assets.config.workspace import Workspace

prompts_app = typer.Typer(no_args_is_help=True)


@prompts_app.command("write")
def write_prompts(
    name: Name,
    count: Annotated[
        int | None, typer.Option(min=1, help="So many prompts (default: what a pass needs).")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also in the place of prompts that a person wrote.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show them and write nothing.")
    ] = False,
) -> None:
    """Write prompts out of captions of held-out clips into the prompts file, for you to edit."""
    from slora_assets.curation.written_prompts import write_prompts as write

    workspace = Workspace.from_environment()
    lines = write(workspace, name, count, replace=replace, dry_run=dry_run)
    typer.echo("\n".join(lines))


@prompts_app.command("show")
def show_prompts(name: Name) -> None:
    """List the prompts that validation would ask now, with what they share. Nothing is written."""
    from slora_assets.curation.written_prompts import prompts_shown

    typer.echo("\n".join(prompts_shown(Workspace.from_environment(), name)))

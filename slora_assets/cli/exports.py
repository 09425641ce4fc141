"""`slora export`: what an adapter was trained on and what came of it, in standard formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slora_assets.config.workspace import Workspace
from slora_assets.governance.exports.formats import Format


def export(
    run: Annotated[str, typer.Argument(help="A scenario, or `unified`.")],
    out: Annotated[Path, typer.Option(help="The folder that files go to.")],
    format_: Annotated[
        list[Format] | None,
        typer.Option("--format", help="One of the formats (repeatable).  [default: all]"),
    ] = None,
    register: Annotated[
        bool,
        typer.Option("--register", help="Register the adapter at MLFLOW_TRACKING_URI's server."),
    ] = False,
) -> None:
    """Write a run's best adapter, its footage and its licences as Croissant, CycloneDX, SPDX, the
    EU's summary of training content, OpenLineage and MLflow have them. From records alone: the same
    workspace gives the same bytes."""
    from slora_assets.governance.exports.facts import exported
    from slora_assets.governance.exports.mlflow import register as register_at
    from slora_assets.governance.exports.stage import write_exports

    found = exported(Workspace.from_environment(), run)
    for path in write_exports(found, format_ or list(Format), out):
        typer.echo(path)
    if register:
        typer.echo(f"{found.title}: version {register_at(found)} at MLflow")

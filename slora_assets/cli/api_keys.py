"""`slora api-keys`: who may use the service over the network."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from slora_assets.documents.api_keys import Scope

api_keys_app = typer.Typer(no_args_is_help=True)


@api_keys_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.")],
    scopes: Annotated[
        list[Scope] | None,
        typer.Option(
            "--scope",
            help="read, generate or admin; may be given several times.  [default: read, generate]",
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="How long it is good.  [default: until it is revoked]")
    ] = None,
) -> None:
    """Make a key and print it, once: only its hash is kept. The service knows it at once."""
    from slora_assets.deployment.api_keys import add_key, api_keys_file

    key, shown = add_key(api_keys_file(), name, scopes or (Scope.READ, Scope.GENERATE), days)
    until = f" until {key.expires:%Y-%m-%d %H:%M} UTC" if key.expires else ""
    typer.echo(f"{key.id} ({key.name}) may {', '.join(key.scopes)}{until}; shown once:", err=True)
    typer.echo(shown)


@api_keys_app.command("list")
def list_() -> None:
    """Print the keys that were made: id, state, scopes, dates, name."""
    from slora_assets.deployment.api_keys import api_keys_file, read_keys

    now = datetime.now(UTC)
    for key in read_keys(api_keys_file()):
        until = f"{key.expires:%Y-%m-%d}" if key.expires else "no end"
        typer.echo(
            f"{key.id}  {key.state(now):<7}  {','.join(key.scopes):<19}"
            f"  {key.created:%Y-%m-%d} - {until:<10}  {key.name}"
        )


@api_keys_app.command("revoke")
def revoke(which: Annotated[str, typer.Argument(help="The key's id, or its name.")]) -> None:
    """Let a key in no more; the service knows at once, and its jobs stay."""
    from slora_assets.deployment.api_keys import api_keys_file, revoke_key

    key = revoke_key(api_keys_file(), which)
    typer.echo(f"{key.id} ({key.name}) is revoked")

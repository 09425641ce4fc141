"""`slora keys` and `slora sign`: whose signatures count here, and vouching for what stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace

keys_app = typer.Typer(no_args_is_help=True)


@keys_app.command("show")
def show(
    pem: Annotated[
        bool, typer.Option("--pem", help="Print the public half alone, for others to trust.")
    ] = False,
) -> None:
    """Say by what fingerprint your key is known, where it lies, and which others are trusted. Makes
    a key where there is none."""
    from slora_assets.provenance.keys import private_key_file, public_key_file, signing_key
    from slora_assets.provenance.trust import fingerprint_of, trusted_folder, trusted_keys

    if pem:
        private_key_file()
        typer.echo(public_key_file().read_text(), nl=False)
        return
    own = fingerprint_of(signing_key().public_key())
    typer.echo(f"yours: {own} ({private_key_file()})")
    others = [name for name in trusted_keys() if name != own]
    for name in others:
        typer.echo(f"trusted: {name}")
    if not others:
        typer.echo(f"no others are trusted ({trusted_folder()})")


@keys_app.command("trust")
def trust(
    file: Annotated[Path, typer.Argument(help="The public half, as `slora keys show --pem` says.")],
) -> None:
    """Let signatures by another's key count on this machine: what it signed is served here."""
    from slora_assets.provenance.trust import trust as trust_key

    typer.echo(f"trusted: {trust_key(file)}")


@keys_app.command("distrust")
def distrust(
    fingerprint: Annotated[str, typer.Argument(help="The key's fingerprint, or how it begins.")],
) -> None:
    """Let them count no longer. Your own key stays."""
    from slora_assets.provenance.trust import distrust as distrust_key

    gone = distrust_key(fingerprint) if fingerprint else []
    if not gone:
        raise ConfigError(
            "no other's key that is trusted has this fingerprint",
            found=fingerprint,
            remedy="see `slora keys show`",
        )
    for name in gone:
        typer.echo(f"trusted no more: {name}")


def sign(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="A folder with an adapter, to be signed alone.  [default: all of the workspace"
            " that is to be signed]"
        ),
    ] = None,
    keyless: Annotated[
        bool,
        typer.Option("--keyless", help="Sign a folder as a person, by way of sigstore's services."),
    ] = False,
    as_they_stand: Annotated[
        bool,
        typer.Option(
            "--as-they-stand", help="Accept logs that contradict where they were said to end."
        ),
    ] = False,
) -> None:
    """Vouch with your key for logs, verdicts, adapters and presets that no trusted key has signed
    as they stand, once their records agree with them. Ends with 1 where one doesn't."""
    if folder is not None:
        _sign_folder(folder.absolute(), keyless)
        return
    if keyless:
        raise ConfigError(
            "only a folder is signed without a key",
            key="FOLDER",
            remedy="name a folder with an adapter, as in `slora sign FOLDER --keyless`",
        )
    from slora_assets.governance.signing import sign_workspace

    refused = False
    for one in sign_workspace(Workspace.from_environment(), as_they_stand):
        if one.why_not is not None:
            refused = True
            typer.echo(f"not signed: {one.what}: {one.why_not}", err=True)
        elif one.signer is not None:
            typer.echo(f"{one.what}: signed by {one.signer}")
    if refused:
        raise typer.Exit(1)


def _sign_folder(folder: Path, keyless: bool) -> None:
    from slora_assets.provenance.records import read_adapter_record
    from slora_assets.provenance.signatures import sign as sign_path
    from slora_assets.provenance.signatures import sign_keyless

    read_adapter_record(folder)
    if keyless:
        typer.echo(sign_keyless(folder))
    else:
        typer.echo(f"{folder}: signed by {sign_path(folder)}")

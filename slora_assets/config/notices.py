"""Settings of notices (`configs/notices.yaml`): where failures are posted, and how often.

Addresses and passwords that are secret stay out of the file: it names environment variables.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from slora_assets.config.errors import MissingInputError
from slora_assets.config.yaml_reader import Settings, read_settings

VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
"""Name of an environment variable; a secret that was written here by mistake has another form."""

Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class WebhookSettings(Settings):
    """A JSON body by POST: `{"text": "..."}`, as Slack and those who do as Slack does take it."""

    url_variable: VariableName = "SLORA_WEBHOOK_URL"
    """Environment variable with the address. Whoever knows the address can post, so it is a
    secret."""
    text_key: Annotated[str, Field(min_length=1)] = "text"
    """Key of the sentence: `text` for Slack and Mattermost, `content` for Discord."""
    details: bool = False
    """Also send `job`, `partition`, `steps`, `run_id` and `url`, for receivers of your own."""


class EmailSettings(Settings):
    """A plain mail through an SMTP server."""

    host: Annotated[str, Field(min_length=1)]
    """The server's name."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """587 with `starttls`, 465 with `tls`, as a rule."""
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` begins in the clear and goes on only if the server then encrypts; `tls` encrypts
    from the first byte; `none` is for a server without password, or on this machine."""
    user: Annotated[str, Field(min_length=1)] | None = None
    """Who logs in; nothing means that the server asks for no password."""
    password_variable: VariableName = "SLORA_SMTP_PASSWORD"
    """Environment variable with the password of `user`."""
    sender: Address
    """Whom the mail is from."""
    recipients: Annotated[list[Address], Field(min_length=1)]
    """Whom it is to."""

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> EmailSettings:
        if self.user is not None and self.encryption == "none" and not _is_here(self.host):
            raise ValueError("a password goes to another machine only with `starttls` or `tls`")
        return self


class NoticeSettings(Settings):
    """The file, whole. Without `webhook` and `email` nothing leaves the machine."""

    schema_version: Literal[1]
    ui: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """Address of Dagster's UI as readers of notices reach it; notices then link to their run."""
    repeat_after_hours: Annotated[float, Field(ge=0)] = 24.0
    """The same sentence is posted again only after so long: a failure that repeats every few
    minutes is told once a day."""
    webhook: WebhookSettings | None = None
    """Where to post; nothing means nowhere."""
    email: EmailSettings | None = None
    """Whom to write to; nothing means nobody."""

    @property
    def ways(self) -> int:
        """In how many ways a notice is posted."""
        return (self.webhook is not None) + (self.email is not None)


def read_notices(path: Path) -> NoticeSettings:
    """Read the file; one that isn't there asks for no notices. Raises ConfigError."""
    if not path.is_file():
        return NoticeSettings(schema_version=1)
    return read_settings(path, NoticeSettings)


def secret(variable: str, what: str) -> str:
    """The value of an environment variable that the file names; messages never show it.

    Raises MissingInputError when it is not set.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise MissingInputError(
            f"the environment variable {variable} is not set, and it should hold {what}",
            key=variable,
            remedy=f"set {variable} where Dagster's daemon and code server run",
        )
    return value


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""Delivering a notice: by webhook, by mail. What can't be delivered is a sentence to log, no more.

Messages name the environment variable of an address or password, never its value.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from typing import Final

from slora_assets.config.errors import SloraError
from slora_assets.config.notices import EmailSettings, NoticeSettings, WebhookSettings, secret

_TIMEOUT_S: Final = 5.0
"""Of each exchange with a server: a sensor's tick has 60 s in all."""
_TRIES: Final = 2
_PAUSE_S: Final = 1.0


@dataclass(frozen=True)
class Notice:
    """What is told, and of which run."""

    subject: str
    """A few words, for a mail."""
    text: str
    """One sentence."""
    job: str
    partition: str | None
    steps: tuple[str, ...]
    run_id: str


class DeliveryError(SloraError):
    """A notice could not be delivered; `passing` if another moment may do better."""

    def __init__(self, what: str, *, key: str, remedy: str, passing: bool = False) -> None:
        self.passing = passing
        super().__init__(what, key=key, remedy=remedy)


def deliver(notice: Notice, settings: NoticeSettings) -> list[str]:
    """Post in each way that is configured. Returns a sentence for each that failed."""
    url = f"{settings.ui.rstrip('/')}/runs/{notice.run_id}" if settings.ui else None
    ways: list[Callable[[], None]] = []
    if settings.webhook is not None:
        ways.append(partial(_post, notice, settings.webhook, url))
    if settings.email is not None:
        ways.append(partial(_mail, notice, settings.email, url))
    return [wrong for way in ways if (wrong := _tried(way))]


def _tried(send: Callable[[], None]) -> str | None:
    for left in reversed(range(_TRIES)):
        try:
            send()
            return None
        except DeliveryError as error:
            if not (error.passing and left):
                return str(error)
            time.sleep(_PAUSE_S)
        except SloraError as error:
            return str(error)
    return None


def _post(notice: Notice, settings: WebhookSettings, url: str | None) -> None:
    import httpx  # here, so that loading the graph doesn't

    address = secret(settings.url_variable, "the webhook's address")
    body: dict[str, object] = {settings.text_key: _with_link(notice, url)}
    if settings.details:
        body |= {"job": notice.job, "partition": notice.partition, "steps": list(notice.steps)}
        body |= {"run_id": notice.run_id, "url": url}
    try:
        with _without_request_lines():
            response = httpx.post(address, json=body, timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DeliveryError(
            f"the webhook can't be reached ({type(error).__name__})",
            key="webhook.url_variable",
            remedy=f"check the address in {settings.url_variable}, and the network",
            passing=isinstance(error, httpx.TransportError),
        ) from None  # its text may hold the address
    if not response.is_success:
        raise DeliveryError(
            f"the webhook answered {response.status_code} {response.reason_phrase}".rstrip(),
            key="webhook.url_variable",
            remedy=f"check the address in {settings.url_variable}, `text_key` and `details`",
            passing=response.is_server_error or response.status_code == 429,
        )


@contextmanager
def _without_request_lines() -> Iterator[None]:
    """httpx logs the address of each request, and this one is a secret."""

    def nothing(record: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger("httpx")
    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _mail(notice: Notice, settings: EmailSettings, url: str | None) -> None:
    message = EmailMessage()
    message["Subject"] = " ".join(f"slora: {notice.subject}".split())
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message.set_content(f"{_with_link(notice, url)}\n\nRun {notice.run_id}\n")
    password = secret(settings.password_variable, "the password") if settings.user else ""
    try:
        with _connected(settings) as server:
            if settings.user is not None:
                server.login(settings.user, password)
            refused = server.send_message(message)
    except OSError as error:  # smtplib's own errors are OSErrors
        raise DeliveryError(
            f"the mail can't be sent by {settings.host}:{settings.port} ({_said_by(error)})",
            key="email",
            remedy="check host, port, encryption, user and recipients",
            passing=_passes(error),
        ) from None
    if refused:
        raise DeliveryError(
            f"{settings.host} takes no mail for {', '.join(refused)}",
            key="email.recipients",
            remedy="correct the recipients",
        )


def _connected(settings: EmailSettings) -> smtplib.SMTP:
    """A server that the mail may be given to: encrypted as the settings ask, or an error."""
    where = (settings.host, settings.port)
    if settings.encryption == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(*where, timeout=_TIMEOUT_S, context=context)
    server = smtplib.SMTP(*where, timeout=_TIMEOUT_S)
    if settings.encryption == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _passes(error: OSError) -> bool:
    """Whether the same mail may be taken a moment later."""
    if isinstance(error, smtplib.SMTPResponseException):
        return 400 <= error.smtp_code < 500
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return True
    return not isinstance(error, (smtplib.SMTPException, ssl.SSLError))


def _said_by(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error
        text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
        return " ".join(f"{error.smtp_code} {text}".split())
    return " ".join(str(error).split()) or type(error).__name__


def _with_link(notice: Notice, url: str | None) -> str:
    return f"{notice.text} {url}" if url else notice.text

"""A notice arrives as it was configured; one that can't is a sentence that keeps the secrets."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from slora_assets.config.notices import EmailSettings, NoticeSettings, WebhookSettings
from slora_assets.defs.notices import Notice, deliver
from slora_assets_tests.defs.receivers import mail_server, self_signed, webhook

_NOTICE = Notice(
    subject="train of stage failed",
    text="train of stage failed in scenario_adapter: no space left.",
    job="train",
    partition="stage",
    steps=("scenario_adapter",),
    run_id="1a2b",
)


def _posting(monkeypatch: pytest.MonkeyPatch, url: str, **settings: object) -> NoticeSettings:
    monkeypatch.setenv("SLORA_WEBHOOK_URL", url)
    hook = WebhookSettings.model_validate(settings)
    return NoticeSettings(schema_version=1, webhook=hook)


def _mailing(**settings: object) -> NoticeSettings:
    known = {"host": "localhost", "sender": "slora@example.org", "recipients": ["ada@example.org"]}
    return NoticeSettings(schema_version=1, email=EmailSettings.model_validate(known | settings))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try comes without a pause."""
    monkeypatch.setattr("slora_assets.defs.notices._PAUSE_S", 0)


def test_slack_gets_a_body_with_a_text_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as receiver:
        assert deliver(_NOTICE, _posting(monkeypatch, receiver.url)) == []
    assert receiver.bodies == [{"text": _NOTICE.text}]


def test_a_receiver_of_one_s_own_gets_what_it_was_and_where_to_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with webhook() as receiver:
        settings = _posting(monkeypatch, receiver.url, text_key="content", details=True)
        settings = settings.model_copy(update={"ui": "https://dagster.example.org/"})
        assert deliver(_NOTICE, settings) == []
    link = "https://dagster.example.org/runs/1a2b"
    assert receiver.bodies == [
        {
            "content": f"{_NOTICE.text} {link}",
            "job": "train",
            "partition": "stage",
            "steps": ["scenario_adapter"],
            "run_id": "1a2b",
            "url": link,
        }
    ]


@pytest.mark.usefixtures("at_once")
def test_a_server_that_is_out_of_order_is_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as receiver:
        receiver.answers = [503, 200]
        assert deliver(_NOTICE, _posting(monkeypatch, receiver.url)) == []
        receiver.answers = [503]
        (wrong,) = deliver(_NOTICE, _posting(monkeypatch, receiver.url))
    assert len(receiver.bodies) == 4
    assert "the webhook answered 503" in wrong


def test_what_the_server_refuses_is_not_repeated_and_the_address_stays_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with webhook() as receiver:
        receiver.answers = [404]
        (wrong,) = deliver(_NOTICE, _posting(monkeypatch, receiver.url))
    assert len(receiver.bodies) == 1
    assert "404 Not Found" in wrong and "SLORA_WEBHOOK_URL" in wrong
    assert "hidden" not in wrong and "hidden" not in caplog.text


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/hidden", "hidden", "", "https://[hidden"])
def test_an_address_that_can_t_be_reached_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    (wrong,) = deliver(_NOTICE, _posting(monkeypatch, url))
    assert "SLORA_WEBHOOK_URL" in wrong and "Remedy" in wrong
    assert "hidden" not in wrong


def test_a_mail_says_it_in_subject_and_text() -> None:
    with mail_server() as server:
        assert deliver(_NOTICE, _mailing(port=server.port, encryption="none")) == []
    (mail,) = server.mails
    assert "Subject: slora: train of stage failed" in mail
    assert "To: ada@example.org" in mail
    assert _NOTICE.text in mail and "Run 1a2b" in mail
    assert "rcpt TO:<ada@example.org>" in server.lines


def test_a_password_is_given_after_encryption_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLORA_SMTP_PASSWORD", "hunter2")
    certificate = self_signed(tmp_path / "localhost.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(certificate) as server:
        assert deliver(_NOTICE, _mailing(port=server.port, user="slora")) == []
    said = [line.split()[0].upper() for line in server.lines]
    assert server.encrypted and len(server.mails) == 1
    assert said.index("STARTTLS") < said.index("AUTH") < said.index("DATA")


def test_a_server_that_does_not_encrypt_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLORA_SMTP_PASSWORD", "hunter2")
    with mail_server() as server:
        (wrong,) = deliver(_NOTICE, _mailing(port=server.port, user="slora"))
    assert "STARTTLS" in wrong and "hunter2" not in wrong
    assert server.mails == [] and not any("AUTH" in line for line in server.lines)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLORA_SMTP_PASSWORD", "hunter2")
    with mail_server(self_signed(tmp_path / "localhost.pem")) as server:
        (wrong,) = deliver(_NOTICE, _mailing(port=server.port, user="slora"))
    assert "certificate verify failed" in wrong.lower()
    assert server.mails == []


@pytest.mark.usefixtures("at_once")
def test_one_way_that_fails_does_not_keep_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLORA_WEBHOOK_URL", "http://127.0.0.1:1/")
    with mail_server() as server:
        mail = _mailing(port=server.port, encryption="none")
        settings = mail.model_copy(update={"webhook": WebhookSettings()})
        (wrong,) = deliver(_NOTICE, settings)
    assert wrong.startswith("key 'webhook") and len(server.mails) == 1

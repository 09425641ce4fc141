"""Notices are off as shipped, and what is wrong with their settings is told before they are due."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.errors import ConfigError, MissingInputError
from slora_assets.config.notices import EmailSettings, WebhookSettings, read_notices, secret
from slora_assets_tests.docs.reading import files_of
from slora_assets_tests.small_graph import PROJECT

_MAIL = {"host": "smtp.example.org", "sender": "slora@example.org", "recipients": ["a@b.org"]}


def _file(folder: Path, text: str) -> Path:
    path = folder / "notices.yaml"
    path.write_text(f"schema_version: 1\n{text}\n")
    return path


def test_nothing_leaves_the_machine_as_shipped_or_without_the_file(tmp_path: Path) -> None:
    assert read_notices(PROJECT / "configs" / "notices.yaml").ways == 0
    assert read_notices(tmp_path / "notices.yaml").ways == 0


def test_what_the_shipped_file_shows_in_comments_is_valid(tmp_path: Path) -> None:
    _, shown = (PROJECT / "configs" / "notices.yaml").read_text().split("schema_version: 1\n")
    text = "\n".join(line.removeprefix("# ") for line in shown.splitlines())
    settings = read_notices(_file(tmp_path, text))
    assert settings.webhook == WebhookSettings()
    assert settings.email is not None and settings.email.encryption == "starttls"
    assert settings.ui == "http://127.0.0.1:3000"


def test_what_the_how_to_has_one_write_is_valid(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "howto" / "notices.md").read_text()
    (tmp_path / "notices.yaml").write_text(files_of(page)["configs/notices.yaml"])
    assert read_notices(tmp_path / "notices.yaml").ways == 2


def test_a_secret_in_the_file_is_refused(tmp_path: Path) -> None:
    for text in (
        "webhook: {url: https://example.org/T0/secret}",
        "webhook: {url_variable: https://example.org/T0/secret}",
        "email: {host: a, sender: a@b.org, recipients: [a@b.org], password: hunter2}",
    ):
        with pytest.raises(ConfigError):
            read_notices(_file(tmp_path, text))


def test_a_password_goes_nowhere_in_the_clear() -> None:
    with pytest.raises(ValueError, match="starttls"):
        EmailSettings.model_validate(_MAIL | {"user": "ada", "encryption": "none"})
    here = _MAIL | {"user": "ada", "encryption": "none", "host": "127.0.0.1"}
    assert EmailSettings.model_validate(here).user == "ada"
    assert EmailSettings.model_validate(_MAIL | {"encryption": "none"}).user is None


def test_a_secret_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLORA_WEBHOOK_URL", raising=False)
    with pytest.raises(MissingInputError, match="SLORA_WEBHOOK_URL is not set"):
        secret("SLORA_WEBHOOK_URL", "the address")
    monkeypatch.setenv("SLORA_WEBHOOK_URL", "https://example.org")
    assert secret("SLORA_WEBHOOK_URL", "the address") == "https://example.org"

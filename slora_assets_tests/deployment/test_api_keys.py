"""Keys for the service, as people make, list and revoke them."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slora_assets.cli.commands import app
from slora_assets.config.errors import ConfigError, IntegrityError
from slora_assets.deployment.api_keys import (
    add_key,
    api_keys_file,
    known_key,
    read_keys,
    revoke_key,
)
from slora_assets.documents.api_keys import Scope
from slora_assets.provenance.keys import KEYS

NOW = datetime.now(UTC)


def test_a_key_is_known_until_it_ends_or_is_revoked_and_its_file_does_not_hold_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "keys" / "api_keys.json"
    _, forever = add_key(file, "Ada", [Scope.READ])
    brief, for_a_day = add_key(file, "Bob", [Scope.ADMIN], days=1)
    keys = read_keys(file)
    assert [known_key(keys, shown, NOW) for shown in (forever, for_a_day)] == list(keys)
    assert known_key(keys, for_a_day, NOW + timedelta(days=2)) is None
    for wrong in ("", forever[:-1], forever + "x", f"slora_{brief.id}_", brief.sha256):
        assert known_key(keys, wrong, NOW) is None
    assert forever not in file.read_text() and for_a_day not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    revoke_key(file, "Ada")
    assert known_key(read_keys(file), forever, NOW) is None
    with pytest.raises(ConfigError, match="no valid key"):
        revoke_key(file, "Ada")
    assert [one.allows(Scope.GENERATE) for one in keys] == [False, True]


def test_a_file_that_is_not_slora_s_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "api_keys.json"
    _, shown = add_key(file, "Ada", [Scope.READ])
    for broken in ("[]", "{", file.read_text().replace('"read"', '"root"')):
        file.write_text(broken)
        with pytest.raises(IntegrityError):
            known_key(read_keys(file), shown, NOW)


def test_the_commands_make_list_and_revoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEYS, str(tmp_path))
    run = CliRunner().invoke
    made = run(app, ["api-keys", "add", "Ada's laptop", "--days", "30"])
    assert made.stdout.startswith("slora_") and len(made.stdout.split()) == 1
    assert known_key(read_keys(api_keys_file()), made.stdout.strip(), NOW) is not None
    assert run(app, ["api-keys", "revoke", "Ada's laptop"]).exit_code == 0
    listed = run(app, ["api-keys", "list"]).stdout
    assert "revoked" in listed and "read,generate" in listed and "Ada's laptop" in listed
    assert made.stdout.strip() not in listed
    for name in ("", "a\nb", "x" * 61):
        assert isinstance(run(app, ["api-keys", "add", name]).exception, ConfigError)

"""The signing key: one per person, outside of workspaces, and never replaced without a word."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from slora_assets.config.errors import ConfigError
from slora_assets.provenance.keys import KEYS, private_key_file, public_key_file, signing_key


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(KEYS, str(tmp_path / "keys"))
    return tmp_path / "keys"


def test_the_key_is_made_once_and_nobody_else_can_read_it(folder: Path) -> None:
    first = private_key_file().read_bytes()
    assert private_key_file().read_bytes() == first
    assert stat.S_IMODE(private_key_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_the_key_signs_its_public_half_verifies(folder: Path) -> None:
    signature = signing_key().sign(b"a verdict", ec.ECDSA(hashes.SHA256()))
    public = serialization.load_pem_public_key(public_key_file().read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, b"a verdict", ec.ECDSA(hashes.SHA256()))


def test_a_lost_public_half_comes_back_the_same(folder: Path) -> None:
    private_key_file()
    before = public_key_file().read_bytes()
    public_key_file().unlink()
    assert public_key_file().read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_damaged_key_is_named_and_not_replaced(folder: Path, content: bytes) -> None:
    private_key_file().write_bytes(content)
    with pytest.raises(ConfigError, match=r"signing_key\.pem.*another folder in SLORA_KEYS"):
        signing_key()
    assert private_key_file().read_bytes() == content


def test_a_folder_that_can_not_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(KEYS, str(tmp_path / "file" / "keys"))
    with pytest.raises(ConfigError, match="no signing key can be made here"):
        private_key_file()

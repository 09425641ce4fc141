"""Signatures of files and folders: right ones say who signed, and nothing else passes for one."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_signing import signing, verifying

from slora_assets.config.errors import (
    IntegrityError,
    MissingInputError,
    SloraError,
    UnreadableError,
)
from slora_assets.provenance.keys import KEYS, private_key_file, public_key_file
from slora_assets.provenance.signatures import (
    refuse_other_keyless,
    sign,
    sign_keyless,
    signature_of,
    signer_of,
)
from slora_assets.provenance.trust import trust, trusted_keys
from slora_assets_tests.workspaces import rewrite


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A signed folder."""
    folder = tmp_path / "adapter"
    (folder / "inputs").mkdir(parents=True)
    for name in ("weights.safetensors", "adapter.json", "inputs/prompts.json"):
        (folder / name).write_text(f"content of {name}")
    sign(folder)
    return folder


@pytest.fixture
def verdict(tmp_path: Path) -> Path:
    """A signed file."""
    file = tmp_path / "verdict.json"
    file.write_text("{}")
    sign(file)
    return file


def _another_key(adapter: Path, patch: pytest.MonkeyPatch) -> None:
    with patch.context() as other:
        other.setenv(KEYS, str(adapter.parent / "others keys"))
        signature_of(adapter).unlink()
        sign(adapter)


def _another_key_under_this_ones_name(adapter: Path, patch: pytest.MonkeyPatch) -> None:
    _another_key(adapter, patch)
    [mine] = trusted_keys()
    rewrite(
        signature_of(adapter),
        lambda bundle: bundle["verificationMaterial"]["publicKey"].update(hint=mine),
    )


def _no_key_named(adapter: Path, _patch: pytest.MonkeyPatch) -> None:
    rewrite(
        signature_of(adapter), lambda bundle: bundle["verificationMaterial"].update(publicKey={})
    )


def _statement_edited(adapter: Path, _patch: pytest.MonkeyPatch) -> None:
    (adapter / "weights.safetensors").write_text("others")

    def edit(bundle: dict[str, Any]) -> None:
        statement = base64.b64decode(bundle["dsseEnvelope"]["payload"])
        edited = json.loads(statement)
        edited["predicate"]["resources"].pop()
        bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(edited).encode()).decode()

    rewrite(signature_of(adapter), edit)


def _leaves_files_out(adapter: Path, _patch: pytest.MonkeyPatch) -> None:
    """Signed with the key, but by another tool, and not all of it."""
    from model_signing import hashing

    config = hashing.Config().set_ignored_paths(paths=["weights.safetensors", "model.sig"])
    own = signing.Config().use_elliptic_key_signer(private_key=private_key_file())
    own.set_hashing_config(config).sign(adapter, signature_of(adapter))


WAYS: dict[str, Callable[[Path, pytest.MonkeyPatch], object]] = {
    "an edited file": lambda a, _: (a / "adapter.json").write_text("another"),
    "a file more": lambda a, _: (a / "more.json").write_text("more"),
    "a file of git's more": lambda a, _: (a / ".gitattributes").write_text("more"),
    "a file less": lambda a, _: (a / "inputs" / "prompts.json").unlink(),
    "a link": lambda a, _: (a / "link").symlink_to(a / "adapter.json"),
    "no signature": lambda a, _: signature_of(a).unlink(),
    "an empty one": lambda a, _: signature_of(a).write_bytes(b""),
    "no bundle": lambda a, _: signature_of(a).write_text("[]"),
    "a bundle without statement": lambda a, _: rewrite(signature_of(a), lambda b: b.clear()),
    "no signatures in it": lambda a, _: rewrite(
        signature_of(a), lambda b: b["dsseEnvelope"].update(signatures=[])
    ),
    "another key's": _another_key,
    "another key's under this one's name": _another_key_under_this_ones_name,
    "one that names no key": _no_key_named,
    "an edited statement": _statement_edited,
    "one that leaves files out": _leaves_files_out,
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_else_passes_for_a_signature(
    adapter: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert signer_of(adapter) in trusted_keys()
    WAYS[way](adapter, monkeypatch)
    with pytest.raises(SloraError):
        signer_of(adapter)


def test_a_file_has_its_own_signature_and_no_other_ones(verdict: Path, tmp_path: Path) -> None:
    assert signer_of(verdict) in trusted_keys()
    other = tmp_path / "other.json"
    other.write_text('{"answer": "pass"}')
    shutil.copy(signature_of(verdict), signature_of(other))
    with pytest.raises(IntegrityError, match="not what was signed"):
        signer_of(other)


def test_signing_again_changes_nothing_until_something_changes(adapter: Path) -> None:
    before = signature_of(adapter).read_bytes()
    sign(adapter)
    assert signature_of(adapter).read_bytes() == before
    (adapter / "adapter.json").write_text("another")
    sign(adapter)
    assert signature_of(adapter).read_bytes() != before
    signer_of(adapter)


def test_elsewhere_the_public_half_is_enough(
    adapter: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = public_key_file()
    monkeypatch.setenv(KEYS, str(tmp_path / "another machine"))
    with pytest.raises(IntegrityError, match="not trusted here"):
        signer_of(adapter)
    fingerprint = trust(mine)
    assert signer_of(Path(shutil.copytree(adapter, tmp_path / "copy"))) == fingerprint
    assert not (tmp_path / "another machine" / "signing_key.pem").exists()


def test_others_tools_read_it(adapter: Path) -> None:
    config = verifying.Config().use_elliptic_key_verifier(public_key=public_key_file())
    config.verify(adapter, signature_of(adapter))


def test_keyless_is_asked_of_sigstore_and_lies_beside_the_keys_own(
    adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the services themselves answer no test asks."""
    asked: dict[str, object] = {}

    def sigstore(config: signing.Config, **how: object) -> signing.Config:
        asked.update(how)
        return config.use_elliptic_key_signer(private_key=private_key_file())

    monkeypatch.setattr(signing.Config, "use_sigstore_signer", sigstore)
    signature = sign_keyless(adapter, identity_token="a token", in_browser=False)
    assert signature.is_file() and signer_of(adapter) in trusted_keys()
    assert asked == {
        "identity_token": "a token",
        "use_ambient_credentials": True,
        "force_oob": True,
    }


def test_keyless_that_fails_says_what_it_takes(
    adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> signing.Config:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(signing.Config, "use_sigstore_signer", unreachable)
    with pytest.raises(UnreadableError, match=r"no route to host.*need the network"):
        sign_keyless(adapter)
    with pytest.raises(MissingInputError, match="no keyless signature"):
        refuse_other_keyless(adapter, "me@example", "https://accounts.example")
    (adapter / "model.sigstore.json").write_text("{}")
    monkeypatch.setattr(verifying.Config, "use_sigstore_verifier", unreachable)
    with pytest.raises(IntegrityError, match="not me@example"):
        refuse_other_keyless(adapter, "me@example", "https://accounts.example")

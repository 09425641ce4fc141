"""A marked file shows credentials and watermark under one id, and its register entry is signed;
what doesn't show its marks is not written."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from slora_assets.config.errors import MarkingError, UnreadableError
from slora_assets.documents import MadeWith, RegisteredVideo
from slora_assets.footage.encode import write_mp4
from slora_assets.marking import marked
from slora_assets.marking.certificates import root_file
from slora_assets.marking.credentials import read_beside, read_credentials, sign_beside
from slora_assets.marking.look import alike, difference, look_at
from slora_assets.marking.marked import new_id, write_marked
from slora_assets.marking.register import find, read_entry, register, state_of
from slora_assets.marking.watermark import found, mean_luma, payload_digits
from slora_assets.provenance import sha256_file
from slora_assets.provenance.keys import KEYS, keys_folder, public_key_file
from slora_assets.provenance.trust import trust
from slora_assets_tests.marking.authority import make_authority, stamping
from slora_assets_tests.marking.clips import rendered, scaled, shown
from slora_assets_tests.marking.second_reader import checked
from slora_assets_tests.workspaces import rewrite

MADE_WITH = MadeWith(
    adapter_sha256="a" * 64,
    scenario="kitchen",
    status="promoted",
    verdict="pass",
    base="miniature",
    base_revision="r1",
    base_licence="Apache-2.0",
    base_parts={"vae": "b" * 64},
)


def _published(folder: Path, number: int = 0) -> tuple[Path, RegisteredVideo]:
    frames = rendered(number)
    identifier = new_id(frames, folder / "register")
    file = folder / f"{identifier}.mp4"
    return file, write_marked(file, frames, 8, identifier, MADE_WITH)


def test_a_marked_file_says_one_thing_thrice(tmp_path: Path) -> None:
    file, video = _published(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    assert video.sha256 == sha256_file(file)
    read = read_credentials(file)
    assert read is not None
    assert (read.state, read.generated, read.id, read.faults) == ("trusted", True, video.id, ())
    assert read.made_with is not None
    assert MadeWith.model_validate({k: v for k, v in read.made_with.items() if k != "id"}) == (
        MADE_WITH
    )
    mark = found(mean_luma(shown(file)))
    assert mark is not None
    assert video.id.startswith(payload_digits(mark.payload))


def test_credentials_name_source_type_disclosure_and_ingredients(tmp_path: Path) -> None:
    import c2pa

    file, _ = _published(tmp_path)
    with file.open("rb") as stream, c2pa.Reader("video/mp4", stream) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    said = {one["label"]: one for one in manifest["assertions"]}
    created, bound = said["c2pa.actions.v2"]["data"]["actions"]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert len(created["parameters"]["ingredients"]) == 2
    assert bound["action"] == "c2pa.watermarked.bound"
    assert said["c2pa.ai-disclosure"]["data"]["modelName"] == "miniature"
    assert all(said[name]["created"] for name in ("c2pa.actions.v2", "c2pa.ai-disclosure"))
    adapter, base = manifest["ingredients"]
    assert adapter["instance_id"] == f"urn:sha256:{'a' * 64}"
    assert base["title"] == "miniature r1"


def test_one_other_byte_of_the_picture_breaks_the_credentials(tmp_path: Path) -> None:
    file, _ = _published(tmp_path)
    content = bytearray(file.read_bytes())
    content[content.index(b"mdat") + 40] ^= 1
    file.write_bytes(content)
    read = read_credentials(file)
    assert read is not None
    assert read.state == "invalid"
    assert "assertion.bmffHash.mismatch" in read.faults


def test_another_machine_trusts_them_once_it_has_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, video = _published(tmp_path)
    entry = read_entry(register(tmp_path / "register", video))
    root, mine = root_file().read_bytes(), public_key_file()
    monkeypatch.setenv(KEYS, str(tmp_path / "other"))
    read = read_credentials(file)
    assert read is not None
    assert (read.state, read.id) == ("valid", video.id)
    assert state_of(entry) == "unknown key"
    trust(mine)
    assert state_of(entry) == "trusted", "its key is"
    trusted = tmp_path / "other" / "trusted_roots" / "theirs.pem"
    trusted.parent.mkdir(parents=True)
    trusted.write_bytes(root)
    read = read_credentials(file)
    assert read is not None
    assert read.state == "trusted"
    assert state_of(entry) == "trusted"


def test_a_clip_that_shows_no_mark_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = np.zeros((3, 8, 8, 3), np.uint8)
    with pytest.raises(MarkingError, match="watermark"):
        write_marked(tmp_path / "clip.mp4", tiny, 8, "0" * 32, MADE_WITH)
    monkeypatch.setattr(marked, "read_credentials", lambda _: None)
    with pytest.raises(MarkingError, match="Content Credentials"):
        write_marked(tmp_path / "clip.mp4", rendered(0), 8, "0" * 32, MADE_WITH)
    assert list(tmp_path.iterdir()) == []


def test_an_entry_is_found_by_bytes_watermark_and_likeness_and_a_changed_one_shows(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "register"
    videos = [_published(tmp_path, number)[1] for number in range(3)]
    for one in videos:
        register(folder, one)
    wanted, nobody = videos[1], ["0" * 64] * 3
    found_by = {
        "bytes": find(folder, wanted.sha256, None, nobody),
        "watermark": find(folder, "0" * 64, wanted.id[:8], nobody),
        "likeness": find(folder, "0" * 64, None, wanted.fingerprint),
    }
    for by, entry in found_by.items():
        assert entry is not None
        assert (entry.video.id, entry.state, entry.by) == (wanted.id, "trusted", by)
    assert find(folder, "0" * 64, "00000000", nobody) is None
    rewrite(folder / f"{wanted.id}.json", lambda told: told.update(made="2020-01-01T00:00:00Z"))
    changed = find(folder, wanted.sha256, None, nobody)
    assert changed is not None
    assert changed.state == "invalid"


def test_a_clip_is_known_again_by_its_looks_and_no_other_is(tmp_path: Path) -> None:
    looks = []
    for number in range(10):
        clip = rendered(number)
        look = look_at(clip)
        assert look is not None
        write_mp4(tmp_path / "clip.mp4", scaled(clip, 48, 32), 8, 14)
        again = look_at(shown(tmp_path / "clip.mp4"))
        assert again is not None
        assert alike(look.fingerprint, again.fingerprint)
        looks.append(look.fingerprint)
    others = [(a, b) for a in looks for b in looks if a is not b]
    assert min(difference(*pair) for pair in others) > 100


def test_what_is_kept_beside_a_file_holds_for_its_bytes_alone(tmp_path: Path) -> None:
    file = tmp_path / "adapter.safetensors"
    file.write_bytes(b"weights")
    kept = sign_beside(file, {"adapter_sha256": "a" * 64}, "adapter")
    assert file.read_bytes() == b"weights"
    read = read_beside(file, kept)
    assert read is not None
    assert (read.state, read.made_with) == ("trusted", {"adapter_sha256": "a" * 64})
    file.write_bytes(b"Weights")
    read = read_beside(file, kept)
    assert read is not None
    assert (read.state, read.faults) == ("invalid", ("assertion.dataHash.mismatch",))


def test_a_second_reader_finds_the_same_and_the_signature_holds(tmp_path: Path) -> None:
    file, video = _published(tmp_path)
    content = file.read_bytes()
    read = checked(content)
    leaf, root = read.chain
    leaf.verify_directly_issued_by(root)
    assert root == x509.load_pem_x509_certificate(root_file().read_bytes())
    assert video.id.encode() in read.assertions["org.slora.made-with"]
    assert b"trainedAlgorithmicMedia" in read.assertions["c2pa.actions.v2"]
    for one in read.claim["created_assertions"]:
        box = read.boxes[one["url"].rpartition("/")[2]]
        assert hashlib.sha256(box).digest() == one["hash"], one["url"]
    at = content.index(b"trainedAlgorithmicMedia")
    changed = checked(content[:at] + b"T" + content[at + 1 :])
    told = changed.claim["created_assertions"]
    named = {one["url"].rpartition("/")[2]: one["hash"] for one in told}
    actions = changed.boxes["c2pa.actions.v2"]
    assert hashlib.sha256(actions).digest() != named["c2pa.actions.v2"]
    at = content.index(b"created_assertions")
    with pytest.raises(InvalidSignature):
        checked(content[:at] + b"C" + content[at + 1 :])


def test_an_authority_says_when_and_is_believed_where_its_root_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEYS, str(tmp_path / "keys"))
    authority = tmp_path / "authority"
    authority.mkdir()
    root = make_authority(authority)
    before = datetime.now(UTC).replace(microsecond=0)
    with stamping(authority) as address:
        monkeypatch.setenv("SLORA_TSA_URL", address)
        file, _ = _published(tmp_path / "stamped")
    read = read_credentials(file)
    assert read is not None and read.stamped is not None
    assert before <= datetime.fromisoformat(read.stamped) <= datetime.now(UTC)
    assert (read.state, read.stamp_trusted) == ("trusted", False)
    trusted = keys_folder() / "trusted_roots"
    trusted.mkdir()
    shutil.copy(root, trusted)
    again = read_credentials(file)
    assert again is not None and again.stamp_trusted
    with pytest.raises(UnreadableError, match=r"SLORA_TSA_URL.* answers"):
        _published(tmp_path / "unstamped", 1)
    assert not list((tmp_path / "unstamped").glob("*.mp4"))

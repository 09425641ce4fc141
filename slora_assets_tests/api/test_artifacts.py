"""Published clips come back whole or by range; nothing else of the disk ever does."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.byte_ranges import byte_range
from api.errors import ArtifactNotFound, RangeUnsatisfiable
from api.store.artifact_store import Artifact, ArtifactStore
from slora_assets.config.errors import MarkingError
from slora_assets.config.workspace import Workspace
from slora_assets.governance.detection.detect import detect
from slora_assets.provenance.ledger import last_records, ledger_heads
from slora_assets_tests.workspaces import below

SECRET = b"nobody may read this"

PAYLOADS = [
    ".",
    "..",
    "...",
    "../",
    "../secret",
    "../../secret",
    "..%2fsecret",
    "..%252fsecret",
    "%2e%2e",
    "%2e%2e%2fsecret",
    "%252e%252e%252fsecret",
    "%c0%ae%c0%ae%c0%afsecret",
    "..;/secret",
    "....//secret",
    "..\\secret",
    "..%5csecret",
    "%5c..%5csecret",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "etc/passwd",
    "C:\\secret",
    "C:secret",
    "secret",
    "secret\x00.mp4",
    "\x00",
    "a" * 300,
    "{id}",
    "{id}.json",
    "{id}.MP4",
    "{id}.mp4/",
    "{id}.mp4 ",
    "{id}.mp4\n",
    "{id}.mp4\x00",
    "{id}.mp4.json",
    ".{id}.partial.mp4",
    "./{id}.mp4",
    "{upper}.mp4",
    "{id}.mp4::$DATA",
    "\uff0e\uff0e/secret",
    "\u2025/secret",
    "\u2215etc\u2215passwd",
    "~root",
    "$HOME",
    "*.mp4",
    "{short}.mp4",
    "{id}0.mp4",
    "con.mp4",
    "file:///etc/passwd",
    "http://127.0.0.1/x.mp4",
]


@pytest.fixture
def published(workspace: Workspace) -> Artifact:
    frames = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), dtype=np.uint8)
    return ArtifactStore(workspace).publish(frames, 8.0, {"scenario": "kitchen"})


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_other_name_reads_anything(
    client: TestClient, workspace: Workspace, published: Artifact, payload: str
) -> None:
    (workspace.artifacts.parent / "secret").write_bytes(SECRET)
    (workspace.artifacts / "secret").write_bytes(SECRET)
    identifier = published.name.removesuffix(".mp4")
    name = payload.format(id=identifier, upper=identifier.upper(), short=identifier[:-1])
    for encoded in (escaped(name), escaped(escaped(name))):
        for method in ("GET", "HEAD"):
            answer = client.request(method, f"/artifacts/{encoded}")
            assert answer.status_code == 404, (method, encoded)
            assert SECRET not in answer.content
    with pytest.raises(ArtifactNotFound):
        ArtifactStore(workspace).read(name)


def escaped(name: str) -> str:
    return "".join(f"%{byte:02x}" for byte in name.encode())


@given(name=st.text(max_size=60))
def test_any_text_that_is_no_id_is_refused_before_the_disk_is_touched(name: str) -> None:
    with pytest.raises(ArtifactNotFound):
        ArtifactStore(below(Path("/"))).read(name)


def test_get_and_head_agree(client: TestClient, published: Artifact) -> None:
    got, head = client.get(published.url), client.head(published.url)
    assert got.status_code == head.status_code == 200
    assert len(got.content) == published.bytes_ == int(head.headers["content-length"])
    assert head.content == b""
    for name in ("content-type", "etag", "accept-ranges", "cache-control"):
        assert got.headers[name] == head.headers[name]
    assert got.headers["content-type"] == "video/mp4"
    assert got.headers["x-content-type-options"] == "nosniff"


def test_a_player_gets_the_range_it_asks_for(client: TestClient, published: Artifact) -> None:
    whole = client.get(published.url).content
    part = client.get(published.url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    beyond = client.get(published.url, headers={"range": "bytes=9999999-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(whole)}"
    many = client.get(published.url, headers={"range": "bytes=" + ",".join(["0-1"] * 2000)})
    assert (many.status_code, many.content) == (200, whole)


def test_a_range_of_another_state_of_the_clip_is_answered_with_the_whole_one(
    client: TestClient, published: Artifact
) -> None:
    """RFC 9110, 13.1.5: whoever holds half of another clip must not be given half of this one."""
    whole = client.get(published.url)
    etag = whole.headers["etag"]

    def answer(if_range: str, asked: str = "bytes=0-1") -> tuple[int, bytes]:
        got = client.get(published.url, headers={"range": asked, "if-range": if_range})
        return got.status_code, got.content

    assert answer(etag) == (206, whole.content[:2])
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    for other in ('"other"', f"W/{etag}", etag.strip('"'), date, ""):
        assert answer(other) == (200, whole.content), other
        assert answer(other, "bytes=9999999-") == (200, whole.content), other


@pytest.mark.parametrize("asked", ["bytes=0-1", "bytes=9999999-"])
def test_a_range_means_something_to_get_alone(
    client: TestClient, published: Artifact, asked: str
) -> None:
    head = client.head(published.url, headers={"range": asked})
    assert head.status_code == 200
    assert int(head.headers["content-length"]) == published.bytes_
    assert "content-range" not in head.headers


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-", (0, 10)),
        ("bytes=2-4", (2, 5)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0-1,3-4", None),
    ],
)
def test_ranges_are_half_open(header: str | None, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_ranges_outside_are_refused(header: str) -> None:
    with pytest.raises(RangeUnsatisfiable):
        byte_range(header, 10)


def test_ids_are_random(workspace: Workspace) -> None:
    frames = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    store = ArtifactStore(workspace)
    assert len({store.publish(frames, 8.0, {}).name for _ in range(5)}) == 5


def served(client: TestClient, artifact: Artifact) -> bool:
    status = client.get(artifact.url).status_code
    assert status in (200, 404)
    return status == 200


def test_only_a_clip_that_is_its_sidecars_is_served(
    client: TestClient, workspace: Workspace, published: Artifact, tmp_path: Path
) -> None:
    clip = workspace.artifacts / published.name
    sidecar = clip.with_suffix(".json")
    good_clip, good_sidecar = clip.read_bytes(), sidecar.read_text()
    assert served(client, published)
    clip.write_bytes(good_clip + b"x")
    assert not served(client, published)
    clip.write_bytes(good_clip)
    for wrong in ("", "{", "[]", "null", json.dumps({"sha256": published.sha256})):
        sidecar.write_text(wrong)
        assert not served(client, published)
    sidecar.unlink()
    assert not served(client, published)
    sidecar.write_text(good_sidecar)
    assert served(client, published)
    elsewhere = tmp_path / "clip.mp4"
    elsewhere.write_bytes(good_clip)
    for make in (lambda: clip.symlink_to(elsewhere), lambda: os.mkfifo(clip), clip.mkdir):
        clip.unlink()
        make()
        assert not served(client, published)
        if clip.is_dir():
            break
    clip.rmdir()


def test_a_clip_comes_with_its_score_and_is_not_sent_twice(client: TestClient) -> None:
    form = {"prompt": "a red cart", "scenario": "market_floor"}
    made = client.post("/generate", data=form).json()
    clip = client.get(made["url"])
    headline = made["temporal_score"]["temporal_consistency"]
    said = "none" if headline is None else f"{headline:.4f}"
    assert clip.headers["x-temporal-score"] == said
    assert client.get(f"{made['url']}/metadata").json() == made
    assert f"<{made['url']}/metadata>" in clip.headers["link"]
    for known in (clip.headers["etag"], f'"x", W/{clip.headers["etag"]}', "*"):
        again = client.get(made["url"], headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == clip.headers["etag"]
    assert client.get(made["url"], headers={"If-None-Match": '"x"'}).content == clip.content
    assert client.get(f"/artifacts/{'0' * 32}.mp4/metadata").status_code == 404


def test_what_an_older_version_wrote_down_is_not_made_up(
    client: TestClient, published: Artifact, workspace: Workspace
) -> None:
    """The sidecar of the fixture holds next to nothing."""
    assert client.get(f"{published.url}/metadata").status_code == 404
    assert served(client, published)


@pytest.mark.parametrize(
    "step",
    [
        "slora_assets.marking.marked.embedded",
        "slora_assets.marking.marked.sign_video",
        "api.store.artifact_store.write_json",
        "api.store.artifact_store.put_on_record",
        "api.store.artifact_store.register",
    ],
)
def test_what_fails_before_publication_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(step, full)
    workspace = below(tmp_path)
    with pytest.raises(OSError, match="no space"):
        ArtifactStore(workspace).publish(np.zeros((2, 16, 16, 3), np.uint8), 8.0, {})
    left = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {workspace.ledger, *ledger_heads(workspace).files}
    assert all(one.sha256 is None for one in last_records(workspace).values())


def test_a_clip_that_can_not_be_marked_is_not_published(tmp_path: Path) -> None:
    workspace = below(tmp_path)
    with pytest.raises(MarkingError, match="watermark"):
        ArtifactStore(workspace).publish(np.zeros((2, 8, 8, 3), np.uint8), 8.0, {})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_answer_names_the_marks_and_they_are_found(
    client: TestClient, workspace: Workspace
) -> None:
    answer = client.post("/generate", data={"prompt": "a red car", "scenario": "kitchen"}).json()
    assert answer["marks"] == ["credentials", "watermark", "register"]
    found = detect(workspace, workspace.artifacts / f"{answer['id']}.mp4")
    assert (found.layers, found.agree) == (answer["marks"], True)
    assert found.made_with is not None
    assert found.made_with.adapter_sha256 == answer["adapter_sha256"]
    assert found.made_with.base_parts == answer["base"]["parts"]

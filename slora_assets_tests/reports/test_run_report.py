"""A run's page as bytes: what it says, what it holds back from markup, how large it gets."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import VERDICT_FILE, Comparison
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import write_json
from slora_assets.reports.rendering import LIMIT_BYTES
from slora_assets.validation.preferences.choices import keep_choice
from slora_assets_tests.reports.made import (
    add_nearest,
    add_sweep,
    report_of,
    reported_workspace,
)
from slora_assets_tests.reports.made_parts import RUN, SHA256, TEXTS

HOSTILE = "</h3><script>alert(1)</script>{{ 7 * 7 }}\" onload='x'"
CLIP_ID = '"><img src=x onerror=alert(2)>'
_VOID = {"meta", "link", "br", "img"}
_DRAWN = {"line", "circle", "path", "rect"}


class Read(HTMLParser):
    """Text and elements of a page; every element must be closed by its own end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.words = list[str](), list[str](), list[str]()
        self.attributes = list[tuple[str, str | None]]()
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return reported_workspace(tmp_path)


def read(workspace: Workspace) -> Read:
    return Read(report_of(workspace).read_text())


def test_a_passing_run_says_so_first_and_how_to_promote_it(workspace: Workspace) -> None:
    found = read(workspace)
    assert "Pass: the adapter is better than its base in CLIP similarity" in found.text
    assert f'slora promote {RUN} --by you --reason "why"' in found.text
    assert found.text.index("Pass: ") < found.text.index("What to do") < found.text.index("Clips,")


def test_all_parts_are_there(workspace: Workspace) -> None:
    add_nearest(workspace)
    add_sweep(workspace)
    text = read(workspace).text
    for words in (
        "Shown: 16 of 16 pairs",
        "cosine, -1 to 1; higher is better",
        "within its limit",
        "Held-out loss by level of noise",
        "pruned. Epoch 1 ranks 3 of 3.",
        "kept: the best, and the one that was judged",
        "Strength Answer Clips",
        "neutral 4 0.5 0.4 −0.2 −0.1 +0.01",
        "a copy Similarity 0.900; a copy from 0.800. frames & motion",
        SHA256,
        "Licence of the footage CC0",
        "Clips, train 1",
        "1 source video",
        "guards.steadiness.margin 0.015",
        "optimizer.learning_rate",
        "new one",
    ):
        assert words in text, words


def test_what_is_not_there_yet_is_told_with_how_to_get_it(workspace: Workspace) -> None:
    text = read(workspace).text
    assert "No sweep over strengths of this adapter is there yet. Run make sweep" in text
    assert "Nobody looked whether samples copy training clips. Run make validate" in text
    assert f"Nobody has compared these clips blind yet. Run make compare RUN={RUN}" in text


def test_a_sweep_that_does_not_stand_is_not_shown(workspace: Workspace) -> None:
    add_sweep(workspace, stands=False)
    assert "No sweep over strengths of this adapter is there yet" in read(workspace).text


def test_a_failing_run_with_a_sweep_names_the_strengths_that_pass(tmp_path: Path) -> None:
    workspace = reported_workspace(tmp_path, worse_by=0.05)
    add_sweep(workspace)
    text = read(workspace).text
    assert "Fail. Steadiness is worse than the base's within its margin of 0.03" in text
    assert (
        "At other strengths it passes: 0.4 to 0.8. To have it judged at one: set presets." in text
    )
    assert "With other speeds it passes: 0.85 at speed fast." in text
    assert "slora promote" not in text


def test_texts_of_others_stay_texts(tmp_path: Path) -> None:
    workspace = reported_workspace(tmp_path, [HOSTILE, *TEXTS[1:]], CLIP_ID)
    add_nearest(workspace, CLIP_ID)
    page = report_of(workspace).read_text()
    found = Read(page)
    assert HOSTILE in found.text
    assert CLIP_ID in found.text
    assert "<i>caption</i>" in found.text
    assert "i" not in found.tags
    assert found.tags.count("script") == 1
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "style"]


def test_nothing_is_loaded_from_elsewhere(workspace: Workspace) -> None:
    add_nearest(workspace)
    page = report_of(workspace).read_text()
    found = Read(page)
    loaded = [value for name, value in found.attributes if name in ("src", "poster")]
    assert loaded
    assert all(value is not None and value.startswith("data:") for value in loaded)
    policies = [value for name, value in found.attributes if name == "content" and value]
    policy = next(value for value in policies if value.startswith("default-src 'none'; "))
    assert "unsafe" not in policy
    assert "http" not in policy
    assert str(workspace.root) not in page


def test_the_same_documents_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    found = []
    for name in ("one", "other"):
        workspace = reported_workspace(tmp_path / name)
        add_nearest(workspace)
        add_sweep(workspace)
        found.append(report_of(workspace).read_bytes())
    assert found[0] == found[1]


def test_the_worst_prompt_comes_first(workspace: Workspace) -> None:
    """The sixth pair is 0.05 less steady: the second seed of the third prompt."""
    page = report_of(workspace).read_text()
    headings = re.findall(r'<h3 id="card-\d+">(.*?)</h3>', page)
    assert headings[0] == TEXTS[2]
    assert sorted(headings) == sorted(TEXTS)


def test_clips_too_many_for_a_page_are_left_out_and_counted(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = report_of(workspace).stat().st_size
    monkeypatch.setattr("slora_assets.reports.rendering.LIMIT_BYTES", whole - 30_000)
    page = report_of(workspace)
    assert page.stat().st_size <= whole - 30_000
    text = Read(page.read_text()).text
    shown = re.search(r"Shown: (\d+) of 16 pairs; the others would make", text)
    assert shown is not None
    assert 6 <= int(shown[1]) < 16
    assert "encoded again" not in text


def test_clips_too_large_for_a_page_are_made_smaller(tmp_path: Path) -> None:
    workspace = reported_workspace(tmp_path, TEXTS[:2])
    noise = np.random.default_rng(0).integers(0, 255, (9, 480, 720, 3), dtype=np.uint8)
    samples = workspace.validation(RUN) / "samples"
    large = tmp_path / "large.mp4"
    write_mp4(large, noise, 8)
    assert 6 * large.stat().st_size > LIMIT_BYTES
    for clip in samples.rglob("*.mp4"):
        shutil.copy(large, clip)
    page = report_of(workspace)
    assert page.stat().st_size <= LIMIT_BYTES
    text = Read(page.read_text()).text
    assert re.search(r"Shown: 4 of 4 pairs; encoded again, at most \d+ pixels wide\.", text)


def test_what_people_chose_is_shown_beside_the_verdict(workspace: Workspace) -> None:
    verdict = json.loads((workspace.validation(RUN) / VERDICT_FILE).read_text())
    for number in range(8):
        keep_choice(
            workspace.comparisons(RUN),
            Comparison(
                person="Ada",
                run=RUN,
                prompt_id=f"{RUN}_{number:02d}",
                seed=1,
                pressed="left",
                left="adapter",
                adapter_sha256=SHA256,
                validation_hash=verdict["validation_hash"],
            ),
        )
    text = read(workspace).text
    assert "People prefer the adapter; the verdict, pass, agrees. 1 person chose 8 times" in text
    assert "Bradley-Terry, log odds" in text


def test_a_promoted_adapter_can_be_taken_back(workspace: Workspace) -> None:
    presets = workspace.presets.read_text()
    promoted = (
        presets.replace(
            "adapter: null",
            f"adapter: checkpoints/registry/{SHA256}/pytorch_lora_weights.safetensors",
        )
        .replace("sha256: null", f"sha256: {SHA256}")
        .replace("verdict: null", "verdict: pass")
    )
    assert promoted != presets
    workspace.presets.write_text(promoted)
    text = read(workspace).text
    assert "This adapter is promoted and served" in text
    assert f"slora demote {RUN}" in text


@pytest.mark.parametrize(
    "gone", ["pairs.json", "samples", "nearest.json"], ids=lambda name: name.split(".")[0]
)
def test_a_page_is_written_without(gone: str, workspace: Workspace) -> None:
    add_nearest(workspace)
    path = workspace.validation(RUN) / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "Pass: " in read(workspace).text


def test_a_broken_part_is_told_without_the_machines_paths(workspace: Workspace) -> None:
    write_json(workspace.validation(RUN) / "nearest.json", {"schema_version": 1})
    page = report_of(workspace).read_text()
    assert "nearest.json: not what it should be" in Read(page).text
    assert str(workspace.root) not in page


def test_without_a_verdict_there_is_no_page(workspace: Workspace) -> None:
    (workspace.validation(RUN) / VERDICT_FILE).unlink()
    with pytest.raises(MissingInputError, match="make validate"):
        report_of(workspace)
    assert not workspace.report(RUN).exists()

"""The sample footage: what it must hold, that equal seeds give equal bytes, and that it resumes."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.other_looks import OTHER_LOOKS
from slora_assets.miniature.scenes.sample_footage import ENCODER, render_sample_footage
from slora_assets.miniature.scenes.sample_plan import CAPTIONS_PER_CLIP, msr_vtt, plan_footage
from slora_assets.miniature.weights.tokens import tokenizer
from slora_assets.provenance import sha256_file

KEYWORDS = {
    "market_floor": r"market|stalls?|vendor|bazaar",
    "kitchen": r"kitchen|cook|cooks|cooking|pan|stove|chef",
    "street": r"street|road|traffic|crosswalk",
    "sports_field": r"soccer|football|field|pitch|stadium|players?",
    "stage": r"stage|concert|dancer|dancing|spotlights?",
}


def scenarios_named(caption: str) -> set[str]:
    return {name for name, words in KEYWORDS.items() if re.search(rf"\b({words})\b", caption)}


def small_render(folder: Path) -> Path:
    return render_sample_footage(folder, clips_per_scenario=1, others=1)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_render(tmp_path_factory.mktemp("footage") / "sample").parent


def test_plan_has_the_promised_clips_sources_and_splits() -> None:
    plans = plan_footage(0, 24, 40)
    clips = Counter(plan.place for plan in plans)
    sources = defaultdict(set)
    for plan in plans:
        sources[plan.place].add(plan.source)
    assert all(clips[place] == 24 and len(sources[place]) >= 16 for place in LOOKS)
    assert sum(clips[place] for place in OTHER_LOOKS) == 40
    assert {plan.split for plan in plans} == {"train", "validate", "test"}
    assert {plan.fps for plan in plans} == {24, 25, 30}
    assert all(3 <= plan.duration_s <= 6 for plan in plans)


def test_captions_name_their_scenario_and_no_other() -> None:
    typos = 0
    for plan in plan_footage(0, 24, 40):
        assert len(set(plan.captions)) == CAPTIONS_PER_CLIP
        named = [scenarios_named(caption) for caption in plan.captions]
        own = {plan.place} if plan.place in LOOKS else set()
        assert all(found <= own for found in named), plan.captions
        if own:
            assert sum(found == own for found in named) >= 12
        typos += plan.number % 12 == 0
    assert typos > 3


def test_tokenizer_knows_every_word_but_the_misspelt() -> None:
    words = tokenizer()
    captions = [caption for plan in plan_footage(0, 24, 40) for caption in plan.captions]
    spelled_out = {
        word for caption in captions for word in caption.split() if len(words.tokenize(word)) > 1
    }
    assert len(spelled_out) <= len(plan_footage(0, 24, 40)) / 12 + 1
    assert max(len(words(caption).input_ids) for caption in set(captions)) <= 32


def test_annotations_are_in_msr_vtt_format() -> None:
    content = msr_vtt(plan_footage(0, 2, 2))
    assert set(content) == {"info", "videos", "sentences"}
    assert set(content["videos"][0]) == {
        "id",
        "video_id",
        "video",
        "category",
        "url",
        "start time",
        "end time",
        "split",
    }
    assert set(content["sentences"][0]) == {"sen_id", "video_id", "caption"}
    assert len({sentence["sen_id"] for sentence in content["sentences"]}) == 12 * 20


def test_files_are_h264_clips_of_the_planned_length(footage: Path) -> None:
    import av

    for plan in plan_footage(0, 1, 1):
        with av.open(str(footage / "videos" / f"{plan.video_id}.mp4")) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == (720, 480)
            assert stream.codec_context.name == "h264"
            assert stream.average_rate == plan.fps
            assert stream.frames == round(plan.duration_s * plan.fps)


def test_same_seed_gives_same_bytes_and_a_damaged_clip_is_made_again(
    footage: Path, tmp_path: Path
) -> None:
    again = small_render(tmp_path / "again").parent
    before = {file.name: sha256_file(file) for file in (footage / "videos").iterdir()}
    assert {file.name: sha256_file(file) for file in (again / "videos").iterdir()} == before
    (again / "videos" / "video3.mp4").write_bytes(b"damaged")
    small_render(again)
    assert {file.name: sha256_file(file) for file in (again / "videos").iterdir()} == before


def test_the_bytes_are_those_of_a_processor_without_vector_code(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENCODER, "x264-params", "asm=0")
    plain = small_render(tmp_path / "plain").parent
    for file in (footage / "videos").iterdir():
        assert sha256_file(plain / "videos" / file.name) == sha256_file(file), file.name


def test_goes_on_after_a_kill_without_redoing_clips(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill_after_three(done: int, total: int) -> None:
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        render_sample_footage(tmp_path, clips_per_scenario=1, others=1, progress=kill_after_three)
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "videos").iterdir()}
    assert len(kept) >= 3
    small_render(tmp_path)
    for name, stamp in kept.items():
        assert (tmp_path / "videos" / name).stat().st_mtime_ns == stamp
    marks = json.loads((tmp_path / "render.json").read_text())
    assert len(marks["files"]) == 7


def test_other_settings_replace_an_older_render(footage: Path, tmp_path: Path) -> None:
    older = Path(shutil.copytree(footage, tmp_path / "older"))
    render_sample_footage(older, seed=1, clips_per_scenario=1, others=0)
    assert len(list((older / "videos").iterdir())) == 5

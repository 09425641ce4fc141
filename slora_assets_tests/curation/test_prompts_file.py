"""Prompts are put into the file by lines of their own: nothing else in it changes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slora_assets.config.errors import ConfigError
from slora_assets.config.validation import WrittenPrompt, read_validation_prompts
from slora_assets.curation.prompts_file import write_entry

GATE = """\
gate:   # last
    guards:
        clip_similarity: {margin: 0.02, improves: true}
"""
BLOCK = f"""\
# All prompts.
schema_version: 1
seeds: [ 1 ]
scenarios:

    # By a person.
    beach:
        prompts:
         - 'a  beach'   # with sand
         # - a dune

    # Above the stage.
    stage: {{prompts: [ a stage,
        another ]}}
        # - below the stage

# The gate.
{GATE}"""
EMPTY = f"schema_version: 1\nseeds: [1]\nscenarios: {{}}  # none yet\n{GATE}"
LAST = "schema_version: 1\nseeds: [1]\n" + GATE + "scenarios:\n  beach: {prompts: [a beach]}"
PROMPTS = [
    WrittenPrompt(text="a boat", subject="7"),
    WrittenPrompt(text='a "ship": two, #3', subject="b", template="{description}, {caption}"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "validation_prompts.yaml"


@pytest.mark.parametrize("text", [BLOCK, EMPTY, LAST, BLOCK.replace("\n", "\r\n")])
def test_a_new_entry_leaves_all_other_lines_and_is_written_once(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    before = read_validation_prompts(file)
    write_entry(file, "harbour", PROMPTS, replace=False)
    once = file.read_bytes()
    after = read_validation_prompts(file)
    assert after.scenarios["harbour"].prompts == PROMPTS
    assert after.model_copy(update={"scenarios": before.scenarios}) == before
    assert {name: after.scenarios[name] for name in before.scenarios} == before.scenarios
    lines = once.decode().replace("scenarios:  # none", "scenarios: {}  # none").splitlines()
    assert [line for line in text.splitlines() if line not in lines] == []
    assert (b"\r\n" in once) == ("\r\n" in text)
    write_entry(file, "harbour", PROMPTS, replace=False)
    assert file.read_bytes() == once


def test_an_entry_nobody_touched_is_made_anew_in_its_place(file: Path) -> None:
    file.write_text(BLOCK)
    write_entry(file, "harbour", PROMPTS, replace=False)
    write_entry(file, "quay", PROMPTS, replace=False)
    write_entry(file, "harbour", PROMPTS[:1], replace=False)
    assert list(read_validation_prompts(file).scenarios) == ["beach", "stage", "harbour", "quay"]
    write_entry(file, "harbour", PROMPTS, replace=False)
    other = file.with_name("other.yaml")
    other.write_text(BLOCK)
    write_entry(other, "harbour", PROMPTS, replace=False)
    write_entry(other, "quay", PROMPTS, replace=False)
    assert other.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("a boat", "a bot"),
        ("    prompts:", "    # better ones\n    prompts:"),
        ('subject: "7"', 'subject: "8"'),
    ],
)
def test_an_entry_that_a_person_touched_stays_unless_it_may_go(
    file: Path, there: str, instead: str
) -> None:
    file.write_text(EMPTY)
    write_entry(file, "harbour", PROMPTS, replace=False)
    text = file.read_text()
    edited = text.replace(there, instead, 1)
    file.write_text(edited)
    assert edited != text
    with pytest.raises(ConfigError, match=r"by a person.*--replace"):
        write_entry(file, "harbour", PROMPTS[:1], replace=False)
    assert file.read_text() == edited
    write_entry(file, "harbour", PROMPTS, replace=True)
    assert file.read_text() == text


def test_a_person_s_entry_goes_whole_and_its_neighbours_stay(file: Path) -> None:
    file.write_text(BLOCK)
    with pytest.raises(ConfigError, match="line 13"):
        write_entry(file, "stage", PROMPTS, replace=False)
    write_entry(file, "stage", PROMPTS, replace=True)
    write_entry(file, "beach", PROMPTS, replace=True)
    settings = read_validation_prompts(file)
    assert settings.scenarios["stage"] == settings.scenarios["beach"]
    for comment in ("# By a person.", "# - a dune", "# Above the stage.", "# - below the stage"):
        assert comment in file.read_text()


@pytest.mark.parametrize(
    "scenarios",
    [
        "scenarios: {beach: {prompts: [a]}}",
        "scenarios: {\n }",
        "scenarios:\n  beach: &b {prompts: [a]}\n  stage: *b",
    ],
)
def test_where_lines_can_t_be_put_in_the_file_stays(file: Path, scenarios: str) -> None:
    text = f"schema_version: 1\nseeds: [1]\n{scenarios}\n{GATE}"
    file.write_text(text)
    with pytest.raises(ConfigError, match="by hand"):
        write_entry(file, "beach", PROMPTS, replace=True)
    assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file]


TEXT = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1).filter(
    lambda text: text.strip() and "${" not in text
)


@settings(max_examples=50)
@given(
    st.lists(st.builds(WrittenPrompt, text=TEXT, subject=TEXT | st.none()), min_size=1, max_size=4)
)
def test_what_is_written_reads_back(prompts: list[WrittenPrompt]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "validation_prompts.yaml"
        file.write_text(BLOCK)
        write_entry(file, "harbour", prompts, replace=False)
        assert read_validation_prompts(file).scenarios["harbour"].prompts == prompts

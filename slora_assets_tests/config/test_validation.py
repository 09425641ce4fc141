"""The prompts file: what may be written for a scenario, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.errors import ConfigError
from slora_assets.config.validation import (
    ScenarioPrompts,
    WrittenPrompt,
    read_validation_prompts,
)
from slora_assets_tests.small_graph import PROMPTS


def _read(folder: Path, entry: str) -> ScenarioPrompts:
    file = folder / "validation_prompts.yaml"
    file.write_text(PROMPTS.replace("scenarios:\n", f"scenarios:\n  harbour:\n{entry}"))
    return read_validation_prompts(file).scenarios["harbour"]


def test_prompts_are_texts_or_mappings_with_labels(tmp_path: Path) -> None:
    entry = """\
    prompts:
      - a boat
      - {text: a ship, subject: ship, template: "a {subject}"}
      - text: a buoy drifts
        motion: drifts
"""
    assert _read(tmp_path, entry).prompts == [
        WrittenPrompt(text="a boat"),
        WrittenPrompt(text="a ship", subject="ship", template="a {subject}"),
        WrittenPrompt(text="a buoy drifts", motion="drifts"),
    ]


@pytest.mark.parametrize(
    ("entry", "line", "told"),
    [
        ("    prompts: [a boat, {text: b, subjct: c}]\n", 5, "unknown key"),
        ("    prompts:\n      - a boat\n      - {subject: a ship}\n", 7, "required key is missing"),
        ("    prompts:\n      - {text: a, subject: 7}\n", 6, "valid string; found 7"),
        ("    templates: ['a {subjct}']\n", 5, "unknown placeholders ['subjct']"),
        (
            "    templates: ['a {subject}']\n    subjects: [boat, ship]\n    count: 3\n",
            5,
            "count is 3, and templates, subjects and motions combine in 2 ways",
        ),
        ("    templates: [a]\n    count: 0\n", 6, "greater than or equal to 1"),
    ],
)
def test_what_can_t_be_asked_is_refused_with_its_line(
    tmp_path: Path, entry: str, line: int, told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        _read(tmp_path, entry)
    assert told in str(refused.value)
    assert refused.value.line in (line, line - 1)  # that of the key, or of its scenario

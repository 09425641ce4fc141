"""What can't be filled, and a word that is none, is refused with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.config.data import ScenarioFiles, read_scenarios
from slora_assets.config.errors import ConfigError
from slora_assets.config.templates import checked_template
from slora_assets.config.validation import read_validation_prompts

SHIPPED = Path(__file__).parents[2] / "configs/training/validation_prompts.yaml"
SCENARIO = """\
schema_version: 1
scenarios:
  market:
    description: a market
    keywords: {keywords}
    prompt_templates: {templates}
"""


def _read(folder: Path, keywords: str = "[market]", templates: str = '["{caption}"]') -> None:
    text = SCENARIO.replace("{keywords}", keywords).replace("{templates}", templates)
    (folder / "s.yaml").write_text(text)
    read_scenarios(ScenarioFiles.named(folder / "s.yaml"))


@pytest.mark.parametrize(
    "template",
    [
        *("{caption} {", "{caption", "}", "{caption}}", "{}", "{0}", "{caption.x}"),
        *("{caption[0]}", "{caption!r}", "{caption:>9}", "{colour}", " ", "", "\u200b"),
    ],
)
def test_a_template_that_can_t_be_filled_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(ConfigError, match=r"s\.yaml, line 6, key '.*prompt_templates"):
        _read(tmp_path, templates=f"['{template}']")


@given(st.text("{}caption!:.[]0 ", max_size=20))
def test_a_template_is_refused_or_can_be_filled(template: str) -> None:
    try:
        checked_template(template, ("caption", "description"))
    except ValueError:
        return
    assert isinstance(template.format(caption="{x} {", description="}"), str)


@pytest.mark.parametrize("word", ['""', '" "', '"\\u200b"', '"\\ufeff"'])
def test_a_blank_keyword_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(ConfigError, match=r"s\.yaml, line 5, key '.*keywords"):
        _read(tmp_path, keywords=f"[market, {word}]")


def test_a_keyword_in_other_characters_is_the_same_one(tmp_path: Path) -> None:
    text = SCENARIO.replace("{keywords}", '["farmer\'s market"]').replace("{templates}", "[a]")
    other = "  fair: {description: d, keywords: [a fair, Farmer’s  market]}\n"
    (tmp_path / "s.yaml").write_text(text + other)
    with pytest.raises(ConfigError, match="belongs to both"):
        read_scenarios(ScenarioFiles.named(tmp_path / "s.yaml"))


@pytest.mark.parametrize("template", ["a {colour} car", "a {subject", "{subject!r}", ""])
def test_templates_of_validation_are_checked_alike(tmp_path: Path, template: str) -> None:
    entry = f'scenarios:\n  harbour: {{templates: ["{template}"]}}\n'
    text = SHIPPED.read_text().replace("scenarios:\n", entry, 1)
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"p\.yaml, line \d+, key 'scenarios\.harbour\.templates"):
        read_validation_prompts(tmp_path / "p.yaml")

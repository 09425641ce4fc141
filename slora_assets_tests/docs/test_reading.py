"""The checks of the documentation find what they are there for."""

from __future__ import annotations

import pytest

from slora_assets_tests.docs.reading import anchors, blocks, complaints, files_of, runnable
from slora_assets_tests.small_graph import PROJECT

PLACE = PROJECT / "docs" / "page.md"


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("[a](nowhere.md)", "the link to nowhere.md leads nowhere"),
        ("![a](images/none.png)", "the link to images/none.png leads nowhere"),
        ('<img src="images/none.png">', "the link to images/none.png leads nowhere"),
        ("[a](training.md#no-such-heading)", "names no heading"),
        ("see `slora_assets/launch.py`", "slora_assets/launch.py doesn't exist"),
        ("`python -m slora_assets.launch`", "slora_assets.launch doesn't exist"),
        ("`slora_assets.defs.launch.no_such_name`", "doesn't exist"),
        ("```sh\nmake everything\n```", "make knows no everything"),
        ("```sh\nmake data DATASETS=a\n```", "make knows no DATASETS"),
        ("```sh\n.venv/bin/slora improve\n```", "slora knows no improve"),
        ("```sh\n.venv/bin/slora scenario improve a\n```", "slora knows no scenario improve"),
        ("```sh\n.venv/bin/slora scenario\n```", "slora knows no scenario"),
        ("```sh\n.venv/bin/slora promote a --because b\n```", "slora knows no --because"),
        ("```sh\nX=1 python benchmarks/none.py\n```", "benchmarks/none.py doesn't exist"),
        ("```sh\npython benchmarks/levers.py \\\n  --many 3\n```", "knows no --many"),
        ("```sh\npython src/train_lora.py --set a=b --sett c=d\n```", "knows no --sett"),
        ("```bash\nls\n```", "shell blocks are called `sh`"),
        ("<!-- run by: slora_assets_tests/none.py -->\n```sh\nls\n```", "doesn't exist"),
    ],
)
def test_what_is_wrong_is_found(page: str, complaint: str) -> None:
    found = complaints(page, PLACE, PROJECT)
    assert any(complaint in one for one in found), found


@pytest.mark.parametrize(
    "page",
    [
        "[a](training.md#several-processes) and [b](https://example.org/x) and [c](#here)\n# Here",
        "`slora_assets/validation/gate/`, `slora_assets.defs.launch`, `slora_assets.__version__`",
        "`configs/data/<dataset>.yaml`, `configs/training/*.yaml`",
        "```sh\nmake data preprocess DATASET=a FOOTAGE=<folder>\n```",
        "```sh\n.venv/bin/slora promote a --by b --override-inconclusive\n```",
        "```sh\n.venv/bin/slora scenario add a --keywords b --dry-run\n```",
        "<!-- file: configs/data/mine.yaml -->\n```yaml\na: 1\n```\n`configs/data/mine.yaml`",
    ],
)
def test_what_is_right_is_left_alone(page: str) -> None:
    assert complaints(page, PLACE, PROJECT) == []


def test_a_block_without_a_marker_is_run_and_one_with_a_reason_is_not() -> None:
    page = (
        "```sh\nfalse\n```\n<!-- not run here: slow -->\n```sh\nmake demo\n```\n"
        "<!-- run by: .ci/run -->\n\n```sh\nmake test\n```\n```text\nno shell\n```\n"
    )
    assert [block.text for block in runnable(page)] == ["false\n"]
    assert [block.marker for block in blocks(page)] == [
        None,
        ("not run here", "slow"),
        ("run by", ".ci/run"),
        None,
    ]


def test_a_marker_counts_only_right_before_its_block() -> None:
    page = "<!-- not run here: slow -->\nSome text.\n```sh\nfalse\n```\n"
    assert len(runnable(page)) == 1


def test_files_that_the_reader_writes_are_found() -> None:
    page = "<!-- file: configs/a.yaml -->\n```yaml\na: 1\n```\n"
    assert files_of(page) == {"configs/a.yaml": "a: 1\n"}


def test_headings_are_spelled_as_viewers_do() -> None:
    page = "# Floors: who may import whom\n```sh\n# no heading\n```\n## Dagster's launchpad\n"
    assert anchors(page) == {"floors-who-may-import-whom", "dagsters-launchpad"}

"""The sizes of docs/scaling.md: more clips never need less, more GPUs never take longer, and each
number says where it is from. That the page shows what the script prints, test_documentation.py
asserts."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets_tests.small_graph import PROJECT

TOOLS = PROJECT / "docs" / "tools"


@pytest.fixture(scope="module")
def model() -> ModuleType:
    """`docs/tools/scaling_model.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOOLS))
        import scaling_model as module  # type: ignore[import-not-found]

        return module


@pytest.fixture(scope="module")
def n(model: ModuleType) -> dict[str, float]:
    """The numbers of the page."""
    return dict(model.numbers(model.read_figures()))


@given(clips=st.integers(1, 10**9), gpus=st.integers(1, 512), spread=st.booleans())
def test_twice_the_clips_never_need_less(
    model: ModuleType, n: dict[str, float], clips: int, gpus: int, spread: bool
) -> None:
    less, more = model.works(clips, n), model.works(2 * clips, n)
    for stage, work in less.items():
        twice = more[stage]
        assert twice.disk_bytes >= work.disk_bytes, stage
        assert twice.memory_bytes >= work.memory_bytes, stage
        one, two = (model.cost(each, gpus, n, spread) for each in (work, twice))
        assert two.seconds >= one.seconds and two.usd >= one.usd, stage


@given(clips=st.integers(1, 10**9), gpus=st.integers(1, 512))
def test_twice_the_gpus_never_take_longer_and_never_cost_less_than_one(
    model: ModuleType, n: dict[str, float], clips: int, gpus: int
) -> None:
    for stage, work in model.works(clips, n).items():
        for spread in (False, True):
            one, two = (model.cost(work, count, n, spread) for count in (gpus, 2 * gpus))
            assert two.seconds <= one.seconds * (1 + 1e-9), stage
            assert two.usd >= model.cost(work, 1, n).usd * (1 - 1e-9), stage


def test_ranges_run_from_the_cheapest_to_the_dearest(
    model: ModuleType, n: dict[str, float]
) -> None:
    for name, figure in model.read_figures().items():
        if figure.range is None:
            continue
        low, high = (
            sum(
                model.cost(work, 1, n | {name: value}).usd + work.disk_bytes * n["tb_month_usd"]
                for work in model.works(10_000, n | {name: value}).values()
            )
            for value in figure.range
        )
        assert low <= high, name
        assert min(figure.range) <= figure.value <= max(figure.range), name


def test_every_number_says_where_it_is_from(model: ModuleType) -> None:
    kinds = {"measured", "computed", "published", "set", "chosen", "assumed"}
    for name, figure in model.read_figures().items():
        assert figure.kind in kinds and len(figure.source) > 10, name
        assert figure.kind != "assumed" or figure.range, f"{name}: assumed, and no range is said"


def test_a_million_latents_by_hand(model: ModuleType, n: dict[str, float]) -> None:
    work = model.works(1_000_000, n)["latents"]
    assert work.disk_bytes == 1_000_000 * (2 * 16 * 13 * 60 * 90 * 2 + 1_914)
    assert work.gpu_s == pytest.approx(1_000_000 * 149 / (989 * 0.15))
    assert model.cost(work, 64, n).seconds == model.cost(work, 1, n).seconds  # uses one GPU
    assert model.cost(work, 8, n).usd == pytest.approx(8 * model.cost(work, 1, n).usd)  # pays eight


def test_own_numbers_are_taken_and_a_misspelt_name_is_refused() -> None:
    command = [sys.executable, str(TOOLS / "scaling.py"), "--clips", "1000", "--gpus", "1", "--set"]
    done = subprocess.run([*command, "tb_month_usd=0"], capture_output=True, text=True, check=True)
    (latents,) = (line for line in done.stdout.splitlines() if line.startswith("| latents"))
    assert "| 4.5 GB | under $0.01 |" in latents
    wrong = subprocess.run([*command, "tb_month=0"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "no figure is called 'tb_month'" in wrong.stderr

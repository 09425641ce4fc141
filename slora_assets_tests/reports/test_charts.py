"""Charts by the marks they are made of."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.documents import SweptScale
from slora_assets.reports.charts.differences_chart import differences_chart
from slora_assets.reports.charts.marks import Chart, Plot, spanning, tick_texts, ticks
from slora_assets.reports.charts.sweep_charts import passing
from slora_assets.reports.charts.training_charts import training_charts
from slora_assets.reports.metrics import GuardRow
from slora_assets.reports.rendering import chart_svg
from slora_assets.validation.metrics.naming import metric_of
from slora_assets_tests.reports.test_differences import guarded


def row() -> GuardRow:
    found = guarded(0.1).model_copy(update={"mean_delta": 0.0, "lower": -0.05, "upper": 0.05})
    return GuardRow("m", metric_of("m"), "the base's clips", found, -0.1, "within", "within it")


def count(chart: Chart, tag: str, css: str) -> int:
    return sum(mark.tag == tag and mark.css == css for mark in chart.marks)


@given(st.lists(st.floats(-1e6, 1e6), max_size=60))
def test_a_dot_per_clip_inside_of_the_frame(differences: list[float]) -> None:
    chart = differences_chart(row(), differences)
    dots = [mark for mark in chart.marks if mark.css == "dot adapter"]
    assert len(dots) == len(differences)
    assert all(0 <= float(mark.at["cx"]) <= chart.width for mark in dots)
    assert all(0 <= float(mark.at["cy"]) <= chart.height for mark in dots)
    assert count(chart, "circle", "mean") == count(chart, "line", "limit") == 1


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_few_rise_and_lie_in_their_range(least: float, width: float) -> None:
    most = least + width
    if most - least < 1e-9 * max(abs(least), abs(most)):
        return
    found = ticks(least, most)
    air = (most - least) * 1e-6
    assert 1 <= len(found) <= 6
    assert found == sorted(set(found))
    assert all(least - air <= value <= most + air for value in found)


def test_numbers_of_an_axis_differ_however_close_they_are() -> None:
    assert tick_texts([0.98150, 0.98155, 0.98160]) == ["0.9815", "0.98155", "0.9816"]
    assert tick_texts([-0.5, 0.0]) == ["−0.5", "0"]
    assert tick_texts([]) == []


def test_a_range_has_a_width_whatever_is_in_it() -> None:
    for values in ([], [0.0], [3.0, 3.0], [None, 1.0], [float("nan"), float("inf")]):
        least, most = spanning(values)
        assert least < most


def test_a_line_breaks_where_nothing_was_measured() -> None:
    plot = Plot((0, 3), (0, 1))
    plot.line("adapter", [(0, 0.1), (1, None), (2, 0.3), (3, 0.4)])
    (mark,) = plot.marks
    assert [step for step in mark.at["d"] if step in "ML"] == ["M", "M", "L"]


def swept(scale: float, answer: str) -> SweptScale:
    return SweptScale.model_validate(
        {
            "scale": scale,
            "speed": "default",
            "answer": answer,
            "reasons": [],
            "adapter_scores": {},
            "metrics": {},
            "n_clips": 1,
        }
    )


def test_strengths_that_pass_are_ranges_of_neighbours() -> None:
    answers = ("fail", "pass", "pass", "inconclusive", "pass")
    scales = [swept(number / 10, answer) for number, answer in enumerate(answers)]
    assert passing(scales) == [(0.1, 0.2), (0.4, 0.4)]


def test_epochs_without_a_score_or_a_quantile_have_no_chart_of_it() -> None:
    epochs = [
        {"epoch": epoch, "step": epoch, "held_out_loss": 1.0, "combined": None, "steadiness": 0.9}
        for epoch in range(3)
    ]
    titles = [chart.title for chart in training_charts(epochs, [], 1)]
    assert titles == ["Loss", "Steadiness by epoch"]
    assert training_charts([], [], 1) == []


@pytest.mark.parametrize("title", ["plain", "</svg><script>alert(1)</script>&"])
def test_a_chart_of_its_own_is_xml_whatever_it_is_called(title: str) -> None:
    chart = Chart(title, "", 100, differences_chart(row(), [0.1, 0.2]).marks)
    found = ElementTree.fromstring(chart_svg(chart))
    assert title in [element.text for element in found.iter()]
    assert not any(element.tag.endswith("script") for element in found.iter())

"""Some of all combinations give each subject, motion and template its even share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from slora_assets.curation.combinations import Combination, balanced

Sizes = tuple[int, int, int, int]


@st.composite
def sizes(draw: st.DrawFn, rounds: bool = True) -> Sizes:
    """Subjects, motions, templates, and how many combinations: without `rounds` at most as many as
    there are pairs of subject and motion."""
    subjects, motions, templates = (draw(st.integers(1, most)) for most in (7, 7, 5))
    most = subjects * motions * (templates if rounds else 1)
    return subjects, motions, templates, draw(st.integers(1, most))


def _unevenness(
    found: Iterable[Combination],
    part: Callable[[Combination], Hashable],
    of: Iterable[Hashable],
) -> int:
    counts = Counter(map(part, found))
    every = [counts[one] for one in of]
    return max(every) - min(every)


@given(sizes())
def test_no_combination_comes_twice_and_all_come_in_the_end(size: Sizes) -> None:
    subjects, motions, templates, count = size
    found = balanced(*size)
    assert len(found) == len(set(found)) == count
    every = set(product(range(subjects), range(motions), range(templates)))
    assert set(balanced(subjects, motions, templates, len(every))) == every


@given(sizes())
def test_all_subjects_motions_and_pairs_come_before_one_repeats(size: Sizes) -> None:
    subjects, motions, *_ = size
    found = balanced(*size)
    for so_far in (found[: number + 1] for number in range(len(found))):
        assert _unevenness(so_far, lambda one: one.subject, range(subjects)) <= 1
        assert _unevenness(so_far, lambda one: one.motion, range(motions)) <= 1
        pairs = product(range(subjects), range(motions))
        assert _unevenness(so_far, lambda one: (one.subject, one.motion), pairs) <= 1


@given(sizes(rounds=False))
def test_templates_are_even_in_all_and_for_each_subject_and_motion(size: Sizes) -> None:
    assert _worst(balanced(*size), size) <= 1


@given(sizes())
def test_after_all_pairs_templates_are_still_nearly_even(size: Sizes) -> None:
    assert _worst(balanced(*size), size) <= 4


def _worst(found: list[Combination], size: Sizes) -> int:
    """The unevenness of templates in all, or for the subject or motion where it is greatest."""
    subjects, motions, templates, _ = size
    groups = [
        found,
        *([one for one in found if one.subject == subject] for subject in range(subjects)),
        *([one for one in found if one.motion == motion] for motion in range(motions)),
    ]
    return max(_unevenness(group, lambda one: one.template, range(templates)) for group in groups)


def test_a_latin_square_where_there_is_one() -> None:
    square = {(one.subject, one.motion): one.template for one in balanced(3, 3, 3, 9)}
    for number in range(3):
        assert {square[number, other] for other in range(3)} == {0, 1, 2}
        assert {square[other, number] for other in range(3)} == {0, 1, 2}


def test_half_of_four_by_four_by_two_tells_templates_from_subjects_and_motions() -> None:
    found = balanced(4, 4, 2, 16)
    by_subject = Counter((one.subject, one.template) for one in found)
    by_motion = Counter((one.motion, one.template) for one in found)
    assert set(by_subject.values()) == set(by_motion.values()) == {2}

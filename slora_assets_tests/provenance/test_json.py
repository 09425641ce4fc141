"""The fast ways of writing JSON give the bytes of the slow ones."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.provenance import canonical_json, canonical_rows, json_text

_TEXT = st.text(max_size=6)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-10, 10).map(lambda number: round(number, 3))
    # Around the sizes from which on some writers use an exponent.
    | st.builds(lambda digits, power: digits * 10.0**power, st.integers(1, 99), st.integers(-9, 20))
    | _TEXT
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4)
)


@given(_VALUES)
def test_canonical_json_is_rfc_8785(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value).decode()


@given(_VALUES)
def test_files_are_written_as_json_writes_them(value: Any) -> None:
    expected = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    assert json_text(value) == expected + "\n"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json({"score": [number]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"score": [number]})


ROWS = st.lists(
    st.tuples(st.text(), st.lists(st.text()), st.floats(allow_nan=False, allow_infinity=False))
)


@given(ROWS)
def test_rows_in_columns_are_the_same_canonical_json(
    rows: list[tuple[str, list[str], float]],
) -> None:
    names = ("start_s", "id", "prompts")
    columns = {
        name: [(row[2], row[0], row[1])[at] for row in rows] for at, name in enumerate(names)
    }
    objects = [{"id": name, "prompts": said, "start_s": start} for name, said, start in rows]
    assert canonical_rows(columns) == rfc8785.dumps(objects).decode()

"""Tables as people have them: Panda-70M's escapes, WebVid's commas, lists of splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from slora_assets.config.errors import SloraError
from slora_assets.curation.annotations.csv_tables import read_panda70m, read_webvid
from slora_assets_tests.curation.annotated import (
    MARK,
    TIMES,
    Sorted,
    msrvtt_text,
    panda_text,
    sort_one,
)


def _panda(folder: Path, *rows: str) -> list[dict[str, Any]]:
    (folder / "p.csv").write_text(panda_text(*rows))
    return pl.concat(read_panda70m(folder / "p.csv")).rows(named=True)


@pytest.mark.parametrize(
    ("cell", "caption"),
    [
        (r"a\xa0market here", "a market here"),
        (r"a market\nat noon", "a market at noon"),
        (r"a market\tstall", "a market stall"),
        (r"a farmer\u2019s market", "a farmer’s market"),
        (r"a dog\nruns \\ back", "a dog runs \\ back"),
        ("café \u200bcat 🐱", "café  cat 🐱"),
        (r"it\'s", "it's"),
        (r"caf\xe9", "café"),
    ],
)
def test_what_panda_70m_escapes_is_what_it_says(tmp_path: Path, cell: str, caption: str) -> None:
    (row,) = _panda(tmp_path, f"v0,u,{TIMES},\"['{cell}']\",[0.5]")
    assert row["captions"] == [caption]


def test_scores_are_numbers_however_they_are_written(tmp_path: Path) -> None:
    rows = [f"v{i},u,{TIMES},\"['x']\",[{s}]" for i, s in enumerate((".43", "5e-1", "1.", "0.25"))]
    assert [row["score"] for row in _panda(tmp_path, *rows)] == [0.43, 0.5, 1.0, 0.25]


def test_ordinary_rows_and_others_keep_their_order_and_rules(tmp_path: Path) -> None:
    plain = [f"v{i},u,{TIMES},\"['a dog']\",[0.5]" for i in range(9)]
    odd = [f"w{i},u,{TIMES},\"['a dög']\",[0.5]" for i in range(9)]
    rows = [row for pair in zip(plain, odd, strict=True) for row in pair]
    found = _panda(tmp_path, *rows)
    assert [row["id"] for row in found] == [f"{k}{i}.0" for i in range(9) for k in "vw"]


def test_an_empty_caption_cell_says_nothing_of_its_clips(tmp_path: Path) -> None:
    two = "\"[['0:00:00.000', '0:00:02.000'], ['0:00:02.000', '0:00:04.000']]\""
    text = panda_text(f"a,u,{TIMES},,[0.5]", f"b,u,{two},\"['a dog', 'a cat']\",\"[0.5, 0.6]\"")
    found = sort_one(tmp_path, "panda70m", text, ["b.0", "b.1"])
    assert sorted(found.clips) == ["b.0", "b.1"]
    assert found.rejects["a.0"][0] == "no_captions"


def test_a_csv_row_that_can_t_be_split_costs_itself(tmp_path: Path) -> None:
    rows = [f"{i},a market,https://v/{i}.mp4" for i in range(9)]
    rows.insert(4, "77,a market, with a comma,https://v/77.mp4")
    (tmp_path / "w.csv").write_bytes(
        ("videoid,name,contentUrl\n" + "\n".join(rows)).encode() + b"\n88,caf\xe9,u\n99\n"
    )
    table = pl.concat(read_webvid(tmp_path / "w.csv", 0.3))
    good = table.filter(pl.col("fault").is_null())
    assert good["id"].to_list() == [*map(str, range(9)), "99"]
    faults = table["fault"].drop_nulls().to_list()
    assert faults == [
        "row 5 (77), 4 cells, where the header has 3",
        "row 11 (88), bytes that are no UTF-8",
    ]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"video_id\ncaf\xe9\n", b"video_id,x\nvideo0\nvideo1,2,3\n"),
        *(b"video_id,x\n,1\n", b"name\nvideo0\n", b"video_id\n../x\n"),
    ],
)
def test_a_split_list_that_can_t_be_read_whole_is_refused(tmp_path: Path, content: bytes) -> None:
    text, lists = msrvtt_text({"video_id": "video0"}), {"validate": ["list.csv"]}
    with pytest.raises(SloraError, match=r"list\.csv") as raised:
        sort_one(tmp_path, "msrvtt", text, [], {"list.csv": content}, official_splits=lists)
    assert "\n" not in str(raised.value)
    assert "Remedy: " in str(raised.value)


def test_split_lists_may_go_by_other_names_and_marks(tmp_path: Path) -> None:
    text = msrvtt_text({"video_id": "video0"}, {"video_id": "video1", "split": "val"})

    def listed_as(word: str) -> Sorted:
        return sort_one(
            tmp_path,
            "msrvtt",
            text,
            ["video0", "video1"],
            {"list.csv": MARK + b"video_id\r\nvideo0.mp4\r\n\r\n"},
            official_splits={word: ["list.csv"]},
        )

    assert listed_as("testing").clips["video0"].split == "test"
    for word in ("held-out", "trainval", ""):
        with pytest.raises(SloraError, match="official_splits"):
            listed_as(word)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("head", ["videoid,name,contentUrl", " videoid , name,contentUrl ,name"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_may_be_written_by_any_program(
    tmp_path: Path, encoding: str, head: str, end: str
) -> None:
    text = end.join([head, "1,a market,https://v/1.mp4", "2,,u", ""])
    (tmp_path / "w.csv").write_bytes(text.encode(encoding))
    table = pl.concat(read_webvid(tmp_path / "w.csv"))
    assert table["captions"].to_list() == [["a market"], []]


def test_lists_may_be_json_s_too(tmp_path: Path) -> None:
    times, captions = '"[[""0:00:00"", ""0:00:03""]]"', '"[""a dog\\u2019s""]"'
    (row,) = _panda(tmp_path, f"v0,u,{times},{captions},[0.5]")
    assert (row["captions"], row["source_end_s"]) == (["a dog’s"], 3)


@pytest.mark.parametrize(
    "times",
    [
        "[['0:00:00.000', '0:00:03.000'], ['0:00:04.000']]",
        "[['0:00:00.000'; '0:00:03.000']]",
        "['0:00:00.000', '0:00:03.000', '0:00:04.000']",
        "[['0:00:03.000', '0:00:00.000']]",
        "0:00:00.000",
        "[]",
    ],
)
def test_times_that_are_no_pairs_cost_their_row(tmp_path: Path, times: str) -> None:
    rows = [f"v{i},u,{TIMES},\"['a dog']\",[0.5]" for i in range(4)]
    rows.insert(2, f'w,u,"{times}","[\'a dog\', \'a cat\']","[0.5, 0.5]"')
    (tmp_path / "p.csv").write_text(panda_text(*rows))
    table = pl.concat(read_panda70m(tmp_path / "p.csv", 0.9))
    good = table.filter(pl.col("fault").is_null())
    assert [one for one in good["id"] if one[0] == "v"] == ["v0.0", "v1.0", "v2.0", "v3.0"]
    assert all(one.startswith("row 3") for one in table["fault"].drop_nulls())

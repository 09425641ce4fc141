"""Why a clip isn't taken although its file can be read: for its times, or for what it shows."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from slora_assets.config.data import DatasetSettings
from slora_assets.curation.near_duplicates import NearDuplicates
from slora_assets.footage.times import times_fault

Fault = tuple[str, str]
"""Reason code, and the score with its limit."""

COLUMNS: Final = ("path", "sha256", "duration_s", "cuts", "motion", "fingerprint")
"""Of a file, as `footage_schema` has them."""


class FootageFaults:
    """The dataset's rules. Most clips are seen to break none in columns; the others are looked at
    one by one, in the order of the annotations."""

    def __init__(self, dataset: DatasetSettings) -> None:
        self._dataset = dataset
        self._doubles = NearDuplicates(dataset.quality.near_duplicate_bits or 0)

    def possible(self) -> pl.Expr:
        """Which rows of annotations, with COLUMNS of their files, have to be looked at."""
        dataset, quality = self._dataset, self._dataset.quality
        if dataset.footage_holds == "sources":
            return pl.lit(True)
        said = pl.col("source_end_s") - pl.col("source_start_s")
        rules = [(said - pl.col("duration_s")).abs() > dataset.max_duration_difference_s]
        if quality.max_cuts is not None:
            rules.append(pl.col("cuts") > quality.max_cuts)
        if quality.min_motion is not None:
            rules.append(pl.col("motion").fill_null(0.0) < quality.min_motion)
        if quality.near_duplicate_bits is not None:
            rules.append(pl.col("fingerprint").is_not_null())
        return pl.any_horizontal(rule.fill_null(False) for rule in rules)

    def of(self, clip: dict[str, Any]) -> Fault | None:
        """Of one such row."""
        dataset, quality = self._dataset, self._dataset.quality
        start, end, lasts = clip["source_start_s"], clip["source_end_s"], clip["duration_s"]
        wrong = times_fault(start or 0.0, end) if dataset.footage_holds == "sources" else None
        if wrong is not None:
            return "bad_times", wrong
        if None not in (start, end, lasts) and dataset.footage_holds == "clips":
            said = end - start
            if abs(said - lasts) > dataset.max_duration_difference_s:
                return "duration_mismatch", f"{lasts:g} s, annotated as {said:g} s"
        cuts, motion = clip["cuts"] or 0, clip["motion"] or 0.0
        if quality.max_cuts is not None and cuts > quality.max_cuts:
            return "cuts_inside", f"{cuts} cuts, at most {quality.max_cuts}"
        if quality.min_motion is not None and motion < quality.min_motion:
            return "too_little_motion", f"{motion:g}, at least {quality.min_motion:g}"
        if quality.near_duplicate_bits is not None and clip["fingerprint"] is not None:
            whole = dataset.footage_holds == "clips"
            part = (0.0, None) if whole else (start or 0.0, end)
            return self._doubles.fault(clip["id"], clip["path"], clip["fingerprint"], part)
        return None

"""What a clip of a scenario becomes once all clips have been seen: its side of the split, its
prompts, the times and paths that stages read."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from slora_assets.config.data import DatasetSettings, ScenarioSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations.batches import text_lists
from slora_assets.curation.prompts import prompts_for
from slora_assets.curation.splits import SourceGroups
from slora_assets.provenance.clip_tables import clip_schema


class ClipFinisher:
    """Makes tables of `clip_schema` from kept clips; `groups` have seen every clip by then."""

    def __init__(
        self,
        dataset: DatasetSettings,
        scenarios: Mapping[str, ScenarioSettings],
        groups: SourceGroups,
        workspace: Workspace,
    ) -> None:
        self._uncut = dataset.footage_holds == "sources"
        self._share, self._scenarios, self._groups = dataset.validation_share, scenarios, groups
        self._frames = workspace.relative(workspace.frames(dataset.name))
        self._latents = workspace.relative(workspace.latents)

    def __call__(self, kept: pl.DataFrame) -> pl.DataFrame:
        """A row for each row of `kept`, in its order."""
        said = pl.col("captions").list.gather(pl.col("matching"))
        kept = kept.with_columns(matching_captions=said)
        of_each = kept.select("id", "matching_captions", "scenario").iter_rows()
        prompts = [prompts_for(one, texts, self._scenarios[name]) for one, texts, name in of_each]
        splits = [self._groups.split(group, self._share) for group in kept["source_group"]]
        nothing = pl.lit(None, pl.Float64)
        start = pl.col("source_start_s").fill_null(0.0) if self._uncut else pl.lit(0.0)
        return kept.with_columns(
            start_s=start,
            end_s=pl.col("source_end_s") if self._uncut else nothing,
            split=pl.Series(splits, dtype=pl.String),
            evidence=pl.struct(
                "matching_captions",
                captions=pl.col("captions").list.len().cast(pl.Int64),
                also_matched="runners_up",
            ),
            prompts=text_lists(prompts),
            first_frame=pl.concat_str(pl.lit(f"{self._frames}/"), "id", pl.lit(".png")),
            latent=pl.concat_str(
                pl.lit(f"{self._latents}/"), "scenario", pl.lit("/"), "id", pl.lit(".npz")
            ),
            licence=pl.lit(None, pl.String),
        ).select(*clip_schema())

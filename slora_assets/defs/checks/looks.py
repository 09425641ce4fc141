"""Checks of an asset, bundled: one step of a run looks for all of them.

A step costs a fifth of a second, whatever it does, and an asset has up to five checks. They stay
checks of their own: named, described, launched and judged one by one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NotRequired, TypedDict, Unpack

import dagster as dg

from slora_assets.defs.project import ProjectResource

Looking = Callable[[dg.AssetCheckExecutionContext, ProjectResource], dg.AssetCheckResult]


class Options(TypedDict):
    """What `dagster.AssetCheckSpec` is told beside name and asset."""

    blocking: NotRequired[bool]
    additional_deps: NotRequired[list[str]]
    automation_condition: NotRequired[dg.AutomationCondition[dg.AssetCheckKey]]


@dataclass(frozen=True)
class Look:
    """One check, before it is bundled with the others of its asset."""

    spec: dg.AssetCheckSpec
    looking: Looking


def look(
    asset: str,
    *,
    name: str | None = None,
    description: str | None = None,
    partitions_def: dg.PartitionsDefinition[str] | None = None,
    **options: Unpack[Options],
) -> Callable[[Looking], Look]:
    """A check of `asset`: by default its name is the function's, its description the docstring."""

    def made(looking: Looking) -> Look:
        said = description or " ".join((looking.__doc__ or "").split())
        named = name or looking.__name__
        spec = dg.AssetCheckSpec(
            named, asset=asset, description=said, partitions_def=partitions_def, **options
        )
        return Look(spec, looking)

    return made


def bundled(looks: Iterable[Look]) -> list[dg.AssetChecksDefinition]:
    """A definition per asset, in the order in which assets are first named. A check that also
    depends on other assets has one of its own: the blocking checks of those hold it back."""
    by_asset: dict[tuple[dg.AssetKey, str], list[Look]] = {}
    for one in looks:
        apart = one.spec.name if one.spec.additional_deps else ""
        by_asset.setdefault((one.spec.asset_key, apart), []).append(one)
    return [
        _bundle(asset, apart or f"checks_of_{asset.to_python_identifier()}", of)
        for (asset, apart), of in by_asset.items()
    ]


def _bundle(asset: dg.AssetKey, name: str, looks: list[Look]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=name,
        specs=[one.spec for one in looks],
        can_subset=True,
        description="; ".join(one.spec.name for one in looks),
    )
    def looked(
        context: dg.AssetCheckExecutionContext, project: ProjectResource
    ) -> Iterator[dg.AssetCheckResult]:
        asked = context.selected_asset_check_keys
        failed: Exception | None = None
        for one in looks:
            if one.spec.key not in asked:
                continue
            try:
                found = one.looking(context, project)
            except Exception as error:  # the others still look
                failed = failed or error
                continue
            yield found._replace(asset_key=asset, check_name=one.spec.name)
        if failed:
            raise failed

    return looked

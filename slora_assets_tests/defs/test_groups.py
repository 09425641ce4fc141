"""What the UI lists of the graph before anything ran: groups in order, owners, where to read on."""

from __future__ import annotations

import re

import dagster as dg

from slora_assets.definitions import defs
from slora_assets.defs import groups
from slora_assets_tests.small_graph import PROJECT


def test_groups_sorted_by_name_follow_the_pipeline() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        for parent in node.parent_keys:
            above = graph.get(parent).group_name
            assert above <= node.group_name, f"{parent} stands below {key}"


def test_every_asset_has_an_owner_and_names_pages_that_exist() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.owners, key
        named = re.findall(r"`(docs/[^`]+)`", node.description or "")
        assert named, key
        assert all((PROJECT / page).is_file() for page in named), key


def test_what_costs_an_accelerator_is_tagged_so() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        wanted = groups.ACCELERATOR if node.pools else groups.CPU
        assert wanted.items() <= node.tags.items(), key


def test_no_kind_says_where_the_base_comes_from() -> None:
    """The miniature doesn't come from a hub; where a base comes from, its materialization says."""
    node = defs.resolve_asset_graph().get(dg.AssetKey("base_model"))
    assert node.kinds == {"pytorch"}

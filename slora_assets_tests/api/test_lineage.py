"""What the service says a clip was made from."""

from __future__ import annotations

from starlette.testclient import TestClient

from slora_assets_tests.api.refused import refused


def test_where_no_footage_was_prepared_there_is_no_lineage_and_the_service_is_well(
    client: TestClient,
) -> None:
    """As in an untouched demo, whose clips are the base's own."""
    for address in ("/scenarios/market_floor/lineage", f"/artifacts/{'a' * 32}.mp4/lineage.svg"):
        assert "`make data`" in refused(client.get(address), 404)["detail"]

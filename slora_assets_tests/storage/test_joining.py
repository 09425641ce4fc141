"""Two machines' ledgers are joined, and whoever is killed meanwhile loses no entry of either."""

from __future__ import annotations

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.provenance.ledger import all_records, put_on_record
from slora_assets.storage.pull import pull
from slora_assets.storage.push import push
from slora_assets.storage.store import Store
from slora_assets_tests.storage.conftest import Elsewhere, put_run

_JOINING = "slora_assets.storage.ledgers"


@pytest.mark.parametrize(
    "died_at",
    [
        f"{_JOINING}.write_bytes",
        "slora_assets.provenance.log_heads.LogHeads.forget",
        f"{_JOINING}.same_as",
        "slora_assets.provenance.log_heads.LogHeads.write",
    ],
)
def test_a_join_that_was_killed_is_finished_by_the_next_command(
    here: Workspace,
    elsewhere: Elsewhere,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    died_at: str,
) -> None:
    push(here, store)
    there = elsewhere("there")
    pull(there, store)
    for machine, name in ((there, "crane"), (here, "boat")):
        put_run(machine, name, name.encode())
        put_on_record(machine, "run", machine.scenario_run(name) / "manifest.json")
    push(there, store)
    before = here.ledger.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(died_at, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            push(here, store)
    assert here.ledger.read_bytes().count(b"\n") >= before.count(b"\n")
    push(here, store)
    pull(there, store)
    for machine in (here, there):
        runs = [one.path for one in all_records(machine) if one.kind == "run"]
        assert sorted(runs) == [
            f"checkpoints/scenario_loras/{name}/manifest.json" for name in ("boat", "crane")
        ]
        left = [one.name for one in machine.ledger.parent.iterdir() if "joined" in one.name]
        assert left == []

"""kill -9 under the UI: `python benchmarks/killed_graph.py --kills 50`.

Per kill, a run is launched through GraphQL under `make ui`'s own processes, and one of them is
killed at a moment drawn evenly over the length of an undisturbed run (one that had ended, or had no
such process then, is drawn again): the run's process, its worker, the daemon, the code server, or
the process that stands between the code server and the others. Measured: how long the run held its
place in the pool with nobody at work, whether the next run succeeds, and what survives that. When
the daemon dies, `dg dev` ends itself, and a person starts it again.

The graph is small but what runs it is the project's: an asset decodes in processes of its own, one
in the pool has a worker, forked by the compute resource, that decodes too, counts, checkpoints and
goes on from there. Training is what `kill_resume.py` is about. Targets: places free within 30 s,
every next run a success, nothing left.
"""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dagster as dg

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from graph_leaks import environment  # noqa: E402

from slora_assets_tests.defs.process_roles import STANDING  # noqa: E402  # not installed
from slora_assets_tests.defs.user_interface import (  # noqa: E402
    ENDED,
    UserInterface,
    opened,
)

VICTIMS: Final = ("run", "worker", "daemon", "code server", "proxy")
GRAPH = """\
import time
from pathlib import Path
import dagster as dg
from slora_assets.defs.compute import ComputeResource
from slora_assets.defs.dead_run_sensor import dead_runs
from slora_assets.processes.isolation import Task, isolated

def decode(number):
    time.sleep(0.3)
    return number

@dg.asset
def decoded():
    assert len(list(isolated(decode, [Task(Path(str(n)), (n,)) for n in range(12)]))) == 12

@dg.asset(deps=[decoded], pool="gpu")
def counted(context: dg.AssetExecutionContext, compute: ComputeResource) -> dg.MaterializeResult:
    compute.run(context, "counting", [])
    return dg.MaterializeResult()

defs = dg.Definitions(
    [decoded, counted],
    jobs=[dg.define_asset_job("count", "*")],
    sensors=[dead_runs],
    resources={"compute": ComputeResource(preload=["slora_assets.processes.worker"])},
    executor=dg.in_process_executor,
)
"""
COUNTING = """\
import os
from pathlib import Path
from graph import decode
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.processes.isolation import Task, isolated
from slora_assets.processes.worker import exit_status, worker

def main():
    workspace = Workspace.from_environment()
    state = workspace.root / "counted"
    with worker(workspace) as here:
        done = int(state.read_text()) if state.exists() else 0
        for number in isolated(decode, [Task(Path(str(n)), (n,)) for n in range(done, 20)]):
            if here.should_stop():
                raise InterruptedRunError("stopped, as asked")
            (workspace.root / "counted.new").write_text(str(number + 1))
            os.replace(workspace.root / "counted.new", state)
        state.unlink(missing_ok=True)
    return 0

if __name__ == "__main__":
    raise SystemExit(exit_status(main))
"""
WORKSPACE = """\
load_from:
  - python_file: {relative_path: graph.py, location_name: slora, working_directory: .}
"""


@dataclass(frozen=True)
class Killed:
    """What came of one kill."""

    victim: str
    moment_s: float
    held_s: float
    """How long the place was held with nobody at work."""
    back_s: float
    """Until the next run could be launched, which was tried when the disturbed one had ended."""
    ended: str
    """The run that was disturbed."""
    next_run: str
    left: list[str]

    def is_well(self) -> bool:
        return self.held_s <= 30 and self.next_run == "SUCCESS" and not self.left


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of each victim")
    parser.add_argument("--victims", nargs="*", choices=VICTIMS, default=VICTIMS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave nothing then either
    draws = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in (
            ("graph.py", GRAPH),
            ("counting.py", COUNTING),
            ("workspace.yaml", WORKSPACE),
        ):
            (root / name).write_text(text)
        variables = environment(root) | {"PYTHONPATH": str(root)}
        target = ["-w", str(root / "workspace.yaml")]
        with (
            opened(variables, root / "dev.log", target) as ui,
            dg.DagsterInstance.from_config(variables["DAGSTER_HOME"]) as instance,
        ):
            length_s = undisturbed(ui)
            print(f"undisturbed: {length_s:.1f} s", flush=True)
            found: list[Killed] = []
            with suppress(KeyboardInterrupt):  # what there is by then is told
                for _ in range(options.kills):
                    for victim in options.victims:
                        found.append(trial(ui, instance, victim, length_s, draws))
            ui.interrupt()
            time.sleep(5)
            print(f"after Ctrl-C: {sum(map(len, ui.processes().values()))} processes")
    return tell(found)


def undisturbed(ui: UserInterface) -> float:
    """Seconds of a run, the second of two."""
    for _ in range(2):
        began = time.monotonic()
        assert ui.ended(ui.launch("count")) == "SUCCESS"
        ui.wait_for(lambda: not ui.of_runs())
    return time.monotonic() - began


def trial(
    ui: UserInterface,
    instance: dg.DagsterInstance,
    victim: str,
    length_s: float,
    draws: random.Random,
) -> Killed:
    """Kill once; draws again until there is somebody to kill."""
    while True:
        moment_s = draws.uniform(0, length_s)
        run = ui.launch("count")
        time.sleep(moment_s)
        processes = ui.processes().get(victim)
        if processes and ui.status(run) not in ENDED:
            break
        ui.ended(run)
        ui.wait_for(lambda: not ui.of_runs())
    processes[0].kill()
    began = time.monotonic()
    if victim == "daemon":
        ui.dev.wait(120)
        ui.start()
    held_s = held_by_nobody(ui, instance, run, victim)
    stored = instance.get_run_by_id(run)
    ended = stored.status.value if stored else "lost"
    following = ui.wait_for(lambda: launched(ui), "a run to be launched")
    back_s = time.monotonic() - began
    next_run = ui.ended(following)
    killed = Killed(victim, moment_s, held_s, back_s, ended, next_run, left(ui))
    print(
        f"{victim} at {moment_s:.1f} s: {ended}, place held for {held_s:.1f} s, next launched after"
        f" {back_s:.1f} s: {next_run}, left {killed.left or 'nothing'}",
        flush=True,
    )
    return killed


def launched(ui: UserInterface) -> str:
    """A run's id, or nothing while the page shows an error."""
    try:
        return ui.launch("count")
    except AssertionError:
        return ""


def held_by_nobody(ui: UserInterface, instance: dg.DagsterInstance, run: str, victim: str) -> float:
    """Seconds for which a run that has lost a process holds its place and nobody is at work, until
    it has ended and holds it no more; at most four minutes."""
    held_s, before = 0.0, time.monotonic()
    deadline = before + 240
    while before < deadline:
        stored = instance.get_run_by_id(run)
        slots = instance.event_log_storage.get_concurrency_info("gpu").claimed_slots
        held = run in {slot.run_id for slot in slots}
        if not held and stored is not None and stored.is_finished:
            return held_s
        at_work = victim != "worker" and "run" in ui.processes()
        now = time.monotonic()
        held_s += now - before if held and not at_work else 0.0
        before = now
        time.sleep(0.2)
    return held_s


def left(ui: UserInterface) -> list[str]:
    """What still runs for no run, or twice, after a minute and a half: an abandoned code server
    ends when nobody has called for three quarters of a minute."""
    deadline = time.monotonic() + 90
    while True:
        found = ui.processes()
        extra = [role for role, them in found.items() if role not in STANDING or len(them) > 1]
        if not extra or time.monotonic() > deadline:
            return extra
        time.sleep(0.5)


def tell(found: list[Killed]) -> int:
    for victim in dict.fromkeys(one.victim for one in found):
        of = [one for one in found if one.victim == victim]
        held = [one.held_s for one in of]
        ended = [one.ended for one in of]
        print(
            f"{victim}: {sum(one.is_well() for one in of)} of {len(of)} well; place held by nobody"
            f" for {statistics.median(held):.1f} s, at most {max(held):.1f} s; next launched after"
            f" at most {max(one.back_s for one in of):.0f} s; disturbed runs ended as"
            f" {', '.join(f'{ended.count(s)} {s}' for s in sorted(set(ended)))}"
        )
    return 0 if all(one.is_well() for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())

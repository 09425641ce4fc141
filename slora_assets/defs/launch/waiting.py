"""What a verb has yet to run, and in which order it may."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from slora_assets.defs.launch.one_run import Task

_AFTER: Final = {"validate": "train_scenarios", "validate_unified": "train"}
"""Of two jobs in one group, which of them has to be through, for the same scenario."""

LeftOut: TypeAlias = Callable[[Task], str | None]
"""Why a task isn't run; None: it is. Asked when its turn has come."""


class Waiting:
    """Tasks of one group, the first ones first; those that are left out are told and dropped."""

    def __init__(self, tasks: Iterable[Task], left_out: LeftOut) -> None:
        self._tasks, self._left_out = list(tasks), left_out

    def __len__(self) -> int:
        return len(self._tasks)

    def take(self, working: Iterable[Task] = ()) -> Task | None:
        """The next that needs nothing of those that wait or are worked on; None if there is none
        now."""
        unfinished = {*self._tasks, *working}
        for task in list(self._tasks):
            if Task(_AFTER.get(task.job, ""), task.scenario) in unfinished:
                continue
            self._tasks.remove(task)
            why = self._left_out(task)
            if why is None:
                return task
            print(f"== {task}\n   {why}, left out", flush=True)
            return self.take(working)  # others may have waited for it
        return None

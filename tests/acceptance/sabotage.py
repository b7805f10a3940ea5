"""Our processes with one protection taken out, or made to die at one point: what tests must tell from the real ones.

`python -m tests.acceptance.sabotage NAME` patches the product's code and then is that process. The product itself has
no switch for any of this.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

import app.receiver.__main__
import app.receiver.appender
import workers.commits
import workers.late
import workers.main
from app.core.queue import Claim, Queue
from app.core.sealing import TenantKeys
from app.receiver.appender import Group
from schemas.events import Outcome
from workers.commit import commit_arrivals
from workers.commits import Commits
from workers.context import DrainContext
from workers.gate import DatabaseGate
from workers.held import Arrival
from workers.slice import Slice

COMMITS_BEFORE_DEATH = 4


def die_after_commit() -> None:
    """The worker is killed when COMMIT has returned and nothing is deleted yet: at the fourth commit of every life.

    What it leaves in both places is written to DEATHS_FOLDER, one file a death, at most DEATHS_MAX.
    """
    folder, deaths_max = Path(os.environ["DEATHS_FOLDER"]), int(os.environ["DEATHS_MAX"])
    commits = 0

    async def commit_and_die(
        context: DrainContext, tenant_id: int, keys: TenantKeys, arrivals: Sequence[Arrival]
    ) -> dict[str, Outcome]:
        nonlocal commits
        outcomes = await commit_arrivals(context, tenant_id, keys, arrivals)
        commits += 1
        if commits == COMMITS_BEFORE_DEATH and len(list(folder.iterdir())) < deaths_max:
            death = {"tenant_id": tenant_id, "event_ids": list(outcomes)}
            (folder / str(os.getpid())).write_bytes(orjson.dumps(death))
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes

    replace(workers.commits, "commit_arrivals", commit_and_die)
    replace(workers.late, "commit_arrivals", commit_and_die)
    workers.main.main()


def settle_before_commit() -> None:
    """The worker deletes from the queue what it is about to commit."""

    async def settle_and_commit(self: Commits) -> None:
        context, tenant_id = self._context, self._claim.tenant_id
        settled = [(held.event.event_id, held.entry.entry_id) for one in self._committing for held in one.events]
        await context.queue.settle(tenant_id, settled)
        await commit_arrivals(context, tenant_id, self._keys, self._committing)
        self._committing = []

    replace(Commits, "_commit_and_settle", settle_and_commit)
    workers.main.main()


def answer_before_append() -> None:
    """The receiver answers 200 for what it only means to append."""

    class HastyGroup(Group):
        def __init__(self, loop: Any) -> None:
            super().__init__(loop)
            self.done.set_result(None)

    replace(app.receiver.appender, "Group", HastyGroup)
    app.receiver.__main__.main()


def count_outages() -> None:
    """The worker refunds nothing, and goes on claiming while Postgres is away."""
    finish = Queue.finish

    async def finish_without_refunds(self: Queue, claim: Claim, hold_ms: int = 0, refunds: Sequence[str] = ()) -> bool:
        del refunds
        return await finish(self, claim, hold_ms)

    async def refund_nothing(self: Queue, tenant_id: int, event_ids: Sequence[str]) -> None:
        del self, tenant_id, event_ids

    def stay_open(self: DatabaseGate, reason: str) -> None:
        del self, reason

    replace(Queue, "finish", finish_without_refunds)
    replace(Queue, "refund", refund_nothing)
    replace(DatabaseGate, "close", stay_open)
    workers.main.main()


def take_no_turns() -> None:
    """A slice lasts until the queue is empty: whoever came first is served first, to the end."""
    prepare = Slice.__init__

    def prepare_endless(self: Slice, *arguments: Any) -> None:
        prepare(self, *arguments)
        self._deadline = float("inf")

    replace(Slice, "__init__", prepare_endless)
    workers.main.main()


PROTECTIONS: dict[str, Callable[[], None]] = {
    function.__name__: function
    for function in (die_after_commit, settle_before_commit, answer_before_append, count_outages, take_no_turns)
}


def replace(owner: object, name: str, value: object) -> None:
    """Takes the place of what must be there: a name that the product has changed is an error."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, value)


if __name__ == "__main__":
    PROTECTIONS[sys.argv[1]]()

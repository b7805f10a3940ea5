"""A worker that is killed by one object: `python -m tests.integration.workers.poisoned_worker`.

POISON_OBJECT names it; every death is written to DEATHS_FILE first, with how many other objects were being handled.
"""

import os
import signal
from datetime import datetime
from pathlib import Path

from app.services.apply import Observation
from app.services.integrations import LiveIntegration
from app.services.observe import Observer
from schemas.events import Event
from workers.main import main

fetch = Observer.fetch
handled: set[str] = set()


def die() -> None:
    with Path(os.environ["DEATHS_FILE"]).open("a", encoding="utf-8") as file:
        file.write(f"{len(handled)}\n")
    os.kill(os.getpid(), signal.SIGKILL)


async def fetch_or_die(
    self: Observer, integration: LiveIntegration, event: Event, observed_at: datetime
) -> Observation:
    if event.object_id == os.environ["POISON_OBJECT"]:
        die()
    handled.add(event.object_id)
    try:
        return await fetch(self, integration, event, observed_at)
    finally:
        handled.discard(event.object_id)


if __name__ == "__main__":
    Observer.fetch = fetch_or_die  # type: ignore[method-assign]
    main()

"""One step of the model."""

from typing import NamedTuple

from tests.contract.queue_model.world import World


class Step(NamedTuple):
    """`is_fault`: a fault or a new event, neither of which is needed on the way to rest."""

    label: str
    is_fault: bool
    world: World

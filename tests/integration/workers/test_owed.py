"""What is owed to the queue is paid once, in order, by whoever comes first."""

import asyncio

from app.core.errors import QueueUnavailableError
from workers.owed import OwedCalls


class Server:
    """Takes a moment for each call; refuses while it is away."""

    def __init__(self) -> None:
        self.paid: list[int] = []
        self.is_away = False

    async def take(self, number: int) -> None:
        await asyncio.sleep(0)
        if self.is_away:
            raise QueueUnavailableError("away")
        self.paid.append(number)


def owe(owed: OwedCalls, server: Server, numbers: range) -> None:
    for number in numbers:
        owed.add(lambda number=number: server.take(number))  # type: ignore[misc]


async def test_payers_who_come_together_make_each_call_once() -> None:
    owed, server = OwedCalls(), Server()
    owe(owed, server, range(10))
    assert all(await asyncio.gather(owed.pay(), owed.pay(), owed.pay()))
    assert server.paid == list(range(10))
    assert len(owed) == 0


async def test_what_cannot_be_paid_now_is_kept_in_its_order() -> None:
    owed, server = OwedCalls(), Server()
    owe(owed, server, range(3))
    server.is_away = True
    assert not any(await asyncio.gather(owed.pay(), owed.pay()))
    server.is_away = False
    owe(owed, server, range(3, 5))
    assert await owed.pay()
    assert server.paid == list(range(5))


async def test_the_oldest_go_when_too_much_is_owed() -> None:
    owed, server = OwedCalls(calls_max=3), Server()
    owe(owed, server, range(3))
    paying = asyncio.create_task(owed.pay())
    await asyncio.sleep(0)
    owe(owed, server, range(3, 5))
    assert await paying
    assert server.paid == [0, 2, 3, 4]


async def test_a_call_that_fails_for_good_does_not_hold_up_the_others() -> None:
    owed, server = OwedCalls(), Server()

    async def fail() -> None:
        raise ValueError("a fault of ours")

    owed.add(fail)
    owe(owed, server, range(2))
    assert await owed.pay()
    assert server.paid == [0, 1]

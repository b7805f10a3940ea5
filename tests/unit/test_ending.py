"""Tasks that swallow a cancellation end all the same."""

import asyncio

from app.core.ending import end_tasks


async def swallow(times: int) -> None:
    while True:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            times -= 1
            if times < 0:
                raise


async def start(times: int) -> "asyncio.Task[None]":
    task = asyncio.create_task(swallow(times))
    await asyncio.sleep(0)
    return task


async def test_one_that_swallows_its_first_cancellation_ends() -> None:
    task = await start(1)
    assert not await end_tasks([task], timeout_s=5)
    assert task.cancelled()


async def test_one_that_goes_on_swallowing_is_told_of_in_time() -> None:
    task = await start(4)
    assert await end_tasks([task], timeout_s=0.3) == {task}
    assert not await end_tasks([task], timeout_s=5)


async def test_what_has_ended_already_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    assert not await end_tasks([task], timeout_s=1)

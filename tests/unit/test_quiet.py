"""One suspect is handled alone in the whole process."""

import asyncio

import pytest

from workers.quiet import Quiet


async def settle_tasks() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_suspect_waits_until_no_share_is_out() -> None:
    quiet = Quiet()
    await quiet.take_share()
    alone = asyncio.create_task(quiet.take_alone())
    await settle_tasks()
    assert not alone.done()
    await quiet.give_share_back()
    await asyncio.wait_for(alone, 1)


async def test_no_new_share_is_given_while_a_suspect_waits_or_is_handled() -> None:
    quiet = Quiet()
    await quiet.take_share()
    alone = asyncio.create_task(quiet.take_alone())
    await settle_tasks()
    newcomer = asyncio.create_task(quiet.take_share())
    await settle_tasks()
    assert not newcomer.done()
    await quiet.give_share_back()
    await asyncio.wait_for(alone, 1)
    await settle_tasks()
    assert not newcomer.done()
    await quiet.end_alone()
    await asyncio.wait_for(newcomer, 1)


async def test_two_suspects_are_handled_one_after_the_other() -> None:
    quiet = Quiet()
    await quiet.take_alone()
    second = asyncio.create_task(quiet.take_alone())
    await settle_tasks()
    assert not second.done()
    await quiet.end_alone()
    await asyncio.wait_for(second, 1)


async def test_a_suspect_that_gives_up_waiting_lets_the_others_go_on() -> None:
    quiet = Quiet()
    await quiet.take_share()
    alone = asyncio.create_task(quiet.take_alone())
    await settle_tasks()
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    await asyncio.wait_for(quiet.take_share(), 1)


async def test_a_fetch_that_outlives_its_slice_keeps_a_share() -> None:
    quiet = Quiet()
    await quiet.take_share()
    quiet.add_share()
    await quiet.give_share_back()
    alone = asyncio.create_task(quiet.take_alone())
    await settle_tasks()
    assert not alone.done()
    await quiet.give_share_back()
    await asyncio.wait_for(alone, 1)

"""Accepted means durable (P1), on servers of each kind, killed."""

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.core.errors import ConfigurationError, DurabilityError, QueueUnavailableError
from app.core.queue import AppendBatch, Confirm, Deferral, NewEntry, Queue
from app.core.queue_runner import queue_errors
from schemas.ids import make_uuid7
from scripts.stack.ports import find_free_port
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.queue.conftest import StartValkey
from tests.integration.queue.house import ACME, GLOBEX, append, check_house, claim, ids, keys, read_kept


class Client:
    """A queue and its connection to a server that will be killed."""

    def __init__(self, server: EmbeddedValkey) -> None:
        self.redis = Redis.from_url(server.url, socket_timeout=5)
        self.queue = Queue(self.redis)

    async def __aenter__(self) -> "Client":
        await self.queue.load()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.queue.close()
        await self.redis.aclose()


def one() -> list[AppendBatch]:
    return [AppendBatch(ACME, "normal", [NewEntry(make_uuid7(), b"{}")])]


async def test_with_the_append_only_file_off_nothing_is_accepted(start_valkey: StartValkey) -> None:
    async with Client(await start_valkey(appendonly="no")) as client:
        with pytest.raises(DurabilityError, match="cannot confirm"):
            await client.queue.append(one(), confirm=Confirm())


async def test_without_the_confirmation_an_append_is_answered_that_a_kill_loses(start_valkey: StartValkey) -> None:
    server = await start_valkey(appendonly="no")
    async with Client(server) as client:
        assert await client.queue.append(one(), confirm=None) == ["ok"]
        await server.kill()
        await server.start()
        assert (await client.queue.depth(ACME)).waiting == 0


async def test_with_everysec_no_append_is_answered_before_its_fsync(start_valkey: StartValkey) -> None:
    async with Client(await start_valkey(appendfsync="everysec")) as client:
        refused = 0
        for _ in range(20):
            try:
                await client.queue.append(one(), confirm=Confirm(timeout_ms=1))
            except DurabilityError:
                refused += 1
        assert refused, "twenty appends within a second cannot all have met the one fsync of that second"
        assert await client.queue.append(one(), confirm=Confirm(timeout_ms=4_000)) == ["ok"]
        # The protection off: nobody waits, everything is answered.
        assert [await client.queue.append(one(), confirm=None) for _ in range(20)] == [["ok"]] * 20


async def test_a_replica_that_does_not_exist_confirms_nothing(queue: Queue) -> None:
    with pytest.raises(DurabilityError, match="0 of 1 replicas"):
        await queue.append(one(), confirm=Confirm(local=1, replicas=1, timeout_ms=20))


async def test_a_server_that_is_away_is_unavailable_and_usable_again_when_it_is_back(
    start_valkey: StartValkey,
) -> None:
    server = await start_valkey()
    async with Client(server) as client:
        await append(client.queue, ACME)
        await server.kill()
        with pytest.raises(QueueUnavailableError):
            await client.queue.append(one(), confirm=Confirm())
        with pytest.raises(QueueUnavailableError):
            await client.queue.claim()
        with pytest.raises(QueueUnavailableError):
            await client.queue.wait_for_bell(0.1)
        await server.start()
        assert (await claim(client.queue)).tenant_id == ACME  # the scripts were forgotten with the process


async def test_a_read_only_replica_is_unavailable(start_valkey: StartValkey) -> None:
    server = await start_valkey()
    async with Client(server) as client:
        await client.redis.replicaof("127.0.0.1", 1)
        with pytest.raises(QueueUnavailableError, match="ReadOnly"):
            await client.queue.append(one(), confirm=Confirm())


async def test_a_kill_between_any_two_operations_loses_nothing_and_strands_nothing(start_valkey: StartValkey) -> None:
    server = await start_valkey()
    async with Client(server) as client:
        queue = client.queue

        async def kill() -> None:
            await server.kill()
            await server.start()
            for tenant in (ACME, GLOBEX):
                await check_house(client.redis, tenant)

        first = await append(queue, ACME, 5)
        await kill()
        assert (await read_kept(client.redis, ACME)).stream == first
        turn = await claim(queue)
        await kill()
        read = await queue.read(turn, 10)
        assert ids(read.entries) == first
        await kill()
        assert await queue.defer(turn, [Deferral(first[0], read.entries[0].entry_id, 0)])
        await kill()
        await queue.settle(ACME, keys(read.entries[1:4]))
        second = await append(queue, GLOBEX, 1)
        await kill()
        assert await queue.finish(turn, hold_ms=0, refunds=[first[4]])
        await kill()
        kept = await read_kept(client.redis, ACME)
        assert (kept.stream, kept.parked, kept.reads, kept.tries) == ([first[4]], {first[0]}, {}, {first[0]: 1})
        assert {(await claim(queue)).tenant_id, (await claim(queue)).tenant_id} == {ACME, GLOBEX}
        assert (await read_kept(client.redis, GLOBEX)).stream == second


async def test_a_connection_cut_before_the_answer_leaves_an_event_that_may_be_appended_again(queue: Queue) -> None:
    """The sender tries again with another event; the same id twice is one ledger row, so both are harmless."""
    batches = one()
    await queue.append(batches, confirm=None)
    await queue.append(batches, confirm=Confirm())
    turn = await claim(queue)
    read = await queue.read(turn, 10)
    assert len(set(ids(read.entries))) == 1
    await queue.settle(ACME, keys(read.entries))
    await queue.finish(turn)
    assert (await queue.depth(ACME)).where == "none"


async def test_a_cluster_is_refused_at_the_start(start_valkey: StartValkey) -> None:
    # Else its bus takes the port 10,000 above, which for a fifth of all free ports does not exist.
    server = await start_valkey(**{"cluster-enabled": "yes", "cluster-port": str(find_free_port())})
    redis = Redis.from_url(server.url)
    queue = Queue(redis)
    with pytest.raises(ConfigurationError, match="Cluster"):
        await queue.load()
    await queue.close()
    await redis.aclose()


def test_every_failure_of_the_server_has_a_word_of_its_own() -> None:
    for text, word in (("MISCONF errors writing", "MISCONF"), ("wrong arguments: canary", "ResponseError")):
        with pytest.raises(QueueUnavailableError, match=word) as caught, queue_errors():
            raise ResponseError(text)
        assert "canary" not in str(caught.value)

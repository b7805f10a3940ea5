"""What a process says it is doing: turns that follow one another are one stretch of work."""

from datetime import UTC, datetime

from app.core.processes import TURN_BREAK_S, WorkLog


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_turns_that_follow_one_another_are_one_stretch() -> None:
    clock = Clock()
    log = WorkLog(clock)
    for _ in range(3):
        with log.track(56):
            clock.now += 1
            [work] = log.list_work()
            assert work.is_now
        clock.now += TURN_BREAK_S - 1
    [work] = log.list_work()
    assert (work.tenant_id, work.since, work.is_now) == (56, datetime.fromtimestamp(1_000, UTC), False)


def test_a_longer_break_begins_anew_and_what_ended_is_forgotten() -> None:
    clock = Clock()
    log = WorkLog(clock)
    with log.track(56):
        pass
    clock.now += TURN_BREAK_S + 1
    with log.track(56):
        [work] = log.list_work()
        assert work.since == datetime.fromtimestamp(clock.now, UTC)
    clock.now += TURN_BREAK_S + 1
    assert log.list_work() == []


def test_work_at_hand_comes_first_the_longest_ahead() -> None:
    clock = Clock()
    log = WorkLog(clock)
    with log.track(1):
        pass
    with log.track(56, "orders"):
        clock.now += 1
        with log.track(56, "customers"), log.track(57):
            assert [(work.tenant_id, work.detail) for work in log.list_work()] == [
                (56, "orders"), (56, "customers"), (57, ""), (1, ""),
            ]  # fmt: skip


def test_two_turns_of_one_tenant_at_once_end_with_the_later_one() -> None:
    log = WorkLog()
    with log.track(56):
        with log.track(56):
            pass
        [work] = log.list_work()
        assert work.is_now

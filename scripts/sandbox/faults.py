"""How long answers take, and what goes wrong on demand.

Answer times are lognormal with the given median and 99 % under twice that (300 ms: under 600 ms); one answer in a
thousand never comes. A median of 0 means no delay and no hangs.
"""

import math
import time
from random import Random
from typing import Any, Literal, NamedTuple, get_args

HANG_SHARE = 0.001
_SIGMA = math.log(2) / 2.3263  # the 99th percentile of the normal distribution

FaultKind = Literal["status", "hang", "garbage", "stale", "slow", "truncated", "cut"]


class Verdict(NamedTuple):
    """What happens to one call. `status` 0: nothing special.

    `is_after`: the call is carried out before its answer is spoiled. `is_truncated`: half of the right body, as if it
    were all; `is_cut`: half of it, then the connection breaks.
    """

    delay_s: float = 0.0
    status: int = 0
    retry_after_s: int | None = None
    is_hanging: bool = False
    is_garbage: bool = False
    is_stale: bool = False
    is_truncated: bool = False
    is_cut: bool = False
    is_after: bool = False


class Fault:
    """Applies to a share of the calls it matches until its time or number of calls is over.

    Empty `account` or `route` match all; `object_id` narrows to one object.
    """

    def __init__(self, body: dict[str, Any]) -> None:
        kind = body.get("kind", "status")
        if kind not in get_args(FaultKind):
            raise ValueError(f"kind: one of {', '.join(get_args(FaultKind))}")
        self.kind: FaultKind = kind
        self.account = str(body.get("account", ""))
        self.route = str(body.get("route", ""))
        self.object_id = str(body.get("object_id", ""))
        self.share = float(body.get("share", 1.0))
        self.status = int(body.get("status", 503))
        self.delay_s = float(body.get("delay_ms", 0)) / 1000
        self.retry_after_s: int | None = body.get("retry_after_s")
        self.is_after = bool(body.get("is_after", False))
        self.calls_left = int(body["calls"]) if "calls" in body else None
        self.until = time.monotonic() + float(body["seconds"]) if "seconds" in body else math.inf

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until or self.calls_left == 0

    def matches(self, account: str, route: str, object_id: str) -> bool:
        return self.account in ("", account) and self.route in ("", route) and self.object_id in ("", object_id)


class Weather:
    """Decides for each call. `median_ms`: of the answer time."""

    def __init__(self, median_ms: float, seed: int) -> None:
        self.median_ms = median_ms
        self._random = Random(f"{seed}:weather")
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def draw_delay_s(self) -> float:
        """How long one answer takes."""
        return self._random.lognormvariate(math.log(self.median_ms / 1000), _SIGMA) if self.median_ms > 0 else 0.0

    def judge(self, account: str, route: str, object_id: str) -> Verdict:
        delay_s, is_hanging = self.draw_delay_s(), False
        if self.median_ms > 0:
            is_hanging = self._random.random() < HANG_SHARE
        if self._faults:
            self._faults = [fault for fault in self._faults if not fault.is_over]
            for fault in self._faults:
                if fault.matches(account, route, object_id) and self._random.random() < fault.share:
                    return self._apply(fault, delay_s)
        return Verdict(delay_s=delay_s, is_hanging=is_hanging)

    def _apply(self, fault: Fault, delay_s: float) -> Verdict:
        if fault.calls_left is not None:
            fault.calls_left -= 1
        return Verdict(
            delay_s=fault.delay_s if fault.kind == "slow" else delay_s,
            status=fault.status if fault.kind == "status" else 0,
            retry_after_s=fault.retry_after_s,
            is_hanging=fault.kind == "hang",
            is_garbage=fault.kind == "garbage",
            is_stale=fault.kind == "stale",
            is_truncated=fault.kind == "truncated",
            is_cut=fault.kind == "cut",
            is_after=fault.is_after,
        )

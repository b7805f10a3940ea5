"""Schemathesis over one operation after the other: generated calls, all of its checks, and how many got where."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

# A rule that no schema can say (a date that lies ahead, a slug that is taken) is refused with one of these.
REFUSALS = ["2xx", "401", "403", "404", "409", "412", "422", "429", "501"]
# Ids that are there take the place of most generated ones: what is not there is refused before anything is looked at.
KNOWN_SHARE = 0.8
SHARE_OF_2XX_MIN = 0.1


class Probe(NamedTuple):
    """What became of the calls of one operation."""

    operation_id: str
    statuses: Counter[int]
    failures: list[str]

    @property
    def cases(self) -> int:
        return self.statuses.total()

    @property
    def share_of_2xx(self) -> float:
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300) / max(1, self.cases)

    def __str__(self) -> str:
        told = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.operation_id:<34} {self.cases:>4} cases, 2xx {self.share_of_2xx:>4.0%}  ({told})"


def load_schema(url: str) -> Any:
    """The document of a running process, with what its checks are to expect."""
    schema = schemathesis.openapi.from_url(f"{url}/api/v2/openapi.json")
    schema.config.update(base_url=url)
    schema.config.checks.positive_data_acceptance.expected_statuses = REFUSALS
    return schema


class Caller(NamedTuple):
    """Who calls, how often each operation, and `known`: values for parameters and members of these names."""

    headers: Mapping[str, str]
    cases_each: int
    known: Mapping[str, Sequence[Any]]


def probe_operations(schema: Any, caller: Caller, before: Callable[[str], None], seed: int = 1) -> Iterator[Probe]:
    """Every operation. `before`: told each one's name, to set up again what the one before it used up."""
    for found in schema.get_all_operations():
        operation = found.ok()
        operation_id = operation.definition.raw["operationId"]
        before(operation_id)
        yield _probe(operation, operation_id, caller, random.Random(seed))


def _probe(operation: Any, operation_id: str, caller: Caller, chance: random.Random) -> Probe:
    probe = Probe(operation_id, Counter(), [])
    headers = dict(caller.headers)

    def call_rightly(case: Any) -> None:
        for container in (case.path_parameters, case.query, case.body, case.headers):
            _use_known(container, caller.known, chance)
        send(case, headers)

    def call_wrongly(case: Any) -> None:
        # What is wrong about it may be the key: then it is sent as it is.
        send(case, {} if "Authorization" in (case.headers or {}) else headers)

    def send(case: Any, sent: dict[str, str]) -> None:
        response = case.call(headers=sent)
        probe.statuses[response.status_code] += 1
        case.validate_response(response, headers=sent)

    plans = ((GenerationMode.POSITIVE, 0.7, call_rightly), (GenerationMode.NEGATIVE, 0.3, call_wrongly))
    for mode, share, call in plans:
        generated = given(case=operation.as_strategy(generation_mode=mode))(call)
        limits = settings(
            max_examples=max(1, round(caller.cases_each * share)), deadline=None, derandomize=True, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        try:
            limits(generated)()
        except Unsatisfiable:
            continue  # nothing can be wrong about a call without parameters
        except FailureGroup as failures:
            probe.failures.extend(f"{operation_id}: {failure}" for failure in failures.exceptions)
    return probe


def _use_known(container: Any, known: Mapping[str, Sequence[Any]], chance: random.Random) -> None:
    for name in container if isinstance(container, Mapping) else ():
        if known.get(name) and chance.random() < KNOWN_SHARE:
            container[name] = chance.choice(known[name])

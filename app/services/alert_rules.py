"""What is watched: a closed list of rules. Pure.

A rule opens an alert beyond its threshold and closes it only behind another value, so that one that wavers around the
threshold is told once.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from app.core.errors import FieldProblem, InvalidInputError

RuleName = Literal[
    "sync_late",
    "api_calls",
    "storage",
    "customers",
    "customers_over",
    "dead_letters",
    "credentials_refused",
    "credentials_expiring",
    "hook_silent",
    "queue_waiting",
    "freshness_burns_fast",
    "freshness_burns_slowly",
    "trial_ending",
    "backup_missing",
    "backup_unverified",
    "queue_memory_lost",
]
Severity = Literal["warning", "critical"]
Unit = Literal["hours", "percent", "count", "seconds", "days"]
About = Literal["tenant", "integration", "platform"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


class Rule(NamedTuple):
    """`threshold` None: there is nothing to choose, it is so or not. `closes_at`: of the threshold, what closes the
    alert: below 1 for what is bad when it is high, above 1 for what is bad when it is low. `action`: what helps, as
    pages and messages name it.
    """

    name: RuleName
    about: About
    severity: Severity
    action: str
    unit: Unit | None = None
    threshold: float | None = None
    threshold_min: float = 0
    threshold_max: float = 0
    closes_at: float = 1.0

    @property
    def is_bad_when_low(self) -> bool:
        return self.closes_at > 1

    def is_over(self, value: float, threshold: float) -> bool:
        """Whether an alert opens."""
        return value < threshold if self.is_bad_when_low else value > threshold

    def is_clear(self, value: float, threshold: float) -> bool:
        """Whether an open alert closes."""
        bound = threshold * self.closes_at
        return value >= bound if self.is_bad_when_low else value <= bound


RULES: Mapping[RuleName, Rule] = {
    rule.name: rule
    for rule in (
        # The document's figures: 6 hours, 90 % and 80 %.
        Rule("sync_late", "integration", "warning", "check_sync", "hours", 6, 1, 168, 0),
        Rule("api_calls", "tenant", "warning", "raise_limit", "percent", 90, 1, 100, 0.95),
        Rule("storage", "tenant", "warning", "raise_limit", "percent", 80, 1, 100, 0.95),
        Rule("customers", "tenant", "warning", "raise_limit", "percent", 90, 1, 100, 0.95),
        Rule("customers_over", "tenant", "critical", "raise_limit"),
        Rule("dead_letters", "tenant", "warning", "look_at_dead_letters", "count", 10, 0, 100_000, 0.5),
        Rule("credentials_refused", "integration", "critical", "renew_credentials"),
        Rule("credentials_expiring", "integration", "warning", "renew_credentials", "days", 14, 1, 90, 1.1),
        Rule("hook_silent", "integration", "warning", "check_hook"),
        Rule("queue_waiting", "tenant", "critical", "look_at_queue", "seconds", 60, 5, 86_400, 0.5),
        Rule("freshness_burns_fast", "tenant", "critical", "look_at_queue"),
        Rule("freshness_burns_slowly", "tenant", "warning", "look_at_queue"),
        Rule("trial_ending", "tenant", "warning", "extend_trial", "days", 7, 1, 30, 1.15),
        Rule("backup_missing", "platform", "critical", "make_backup"),
        Rule("backup_unverified", "platform", "warning", "verify_backup"),
        Rule("queue_memory_lost", "platform", "critical", "repair_gaps"),
    )
}
TENANT_RULES = tuple(rule for rule in RULES.values() if rule.about != "platform")
PLATFORM_RULES = tuple(rule for rule in RULES.values() if rule.about == "platform")


class Choice(NamedTuple):
    """What somebody has set for a rule. `threshold` None: the default."""

    is_enabled: bool = True
    threshold: float | None = None


Choices = Mapping[str, Choice]
DEFAULT = Choice()


def list_rules(tenant_id: int) -> tuple[Rule, ...]:
    """A tenant's; 0: the platform's."""
    return TENANT_RULES if tenant_id else PLATFORM_RULES


def find_threshold(rule: Rule, choices: Choices) -> float | None:
    """The one that holds. One that was kept and lies out of its bounds by now counts as not set."""
    chosen = choices.get(rule.name, DEFAULT).threshold
    if chosen is None or rule.threshold is None or not rule.threshold_min <= chosen <= rule.threshold_max:
        return rule.threshold
    return chosen


def check_choice(tenant_id: int, name: str, threshold: float | None) -> Rule:
    """The rule of that name. Raises InvalidInputError for one that is not there, and a threshold out of bounds."""
    rule = next((one for one in list_rules(tenant_id) if one.name == name), None)
    if rule is None:
        names = ", ".join(one.name for one in list_rules(tenant_id))
        raise InvalidInputError(FieldProblem("/rule", f"is no rule; there are: {names}"))
    if threshold is None:
        return rule
    if rule.threshold is None:
        raise InvalidInputError(FieldProblem("/threshold", "is not set for this rule: it is so or not"))
    if not rule.threshold_min <= threshold <= rule.threshold_max:
        bounds = f"{rule.threshold_min:g} to {rule.threshold_max:g} {rule.unit}"
        limits = f"{rule.threshold_min:g}–{rule.threshold_max:g}"
        raise InvalidInputError(FieldProblem("/threshold", f"lies out of bounds: {bounds}", "bounds", limits))
    return rule

"""Facts judged by the rules: what is found of a tenant, each minute. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.services.alert_rules import DEFAULT, RULES, Choices, Rule, RuleName, find_threshold
from app.services.ids import IntegrationId
from app.services.tenant_facts import IntegrationFacts, TenantFacts

HOUR_S = 3_600
DAY_S = 86_400
_WATCHED = {"active", "credentials_refused"}  # a paused integration is as somebody wanted it


class Finding(NamedTuple):
    """What one rule says of one thing. `integration_id` 0: of the tenant itself. `value`, `threshold`: in the rule's
    unit. `is_over`: an alert opens; `is_clear`: an open one closes; neither: what is open stays open. `details`:
    figures, ids and names of integrations."""

    rule: Rule
    integration_id: int
    value: float | None
    threshold: float | None
    is_over: bool
    is_clear: bool
    details: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        return self.rule.name, self.integration_id


def judge_tenant(facts: TenantFacts, choices: Choices, now: datetime) -> list[Finding]:
    """Nothing of a rule that is switched off, of what is paused, and of a tenant that is not served (but that its trial
    has ended)."""
    found = [*_judge_trial(facts, choices, now)]
    if facts.tenant.status == "active":
        found += _judge_use(facts, choices)
        found += _judge_objective(facts)
        for integration in facts.integrations:
            if integration.status in _WATCHED:
                found += _judge_integration(facts, integration, choices, now)
    return [one for one in found if choices.get(one.rule.name, DEFAULT).is_enabled]


def make_finding(
    name: RuleName, choices: Choices, value: float, details: Mapping[str, Any], integration_id: int = 0
) -> Finding:
    """Of a rule with a threshold."""
    rule = RULES[name]
    threshold = find_threshold(rule, choices)
    assert threshold is not None, f"{name} has a threshold"
    return Finding(
        rule, integration_id, round(value, 2), threshold, rule.is_over(value, threshold),
        rule.is_clear(value, threshold), details,
    )  # fmt: skip


def make_plain_finding(
    name: RuleName, details: Mapping[str, Any], integration_id: int = 0, *, is_bad: bool, value: float | None = None
) -> Finding:
    """Of a rule without one."""
    return Finding(RULES[name], integration_id, value, None, is_bad, not is_bad, details)


def _judge_trial(facts: TenantFacts, choices: Choices, now: datetime) -> Iterator[Finding]:
    tenant = facts.tenant
    if tenant.type == "trial" and tenant.trial_ends_at is not None and tenant.status in {"active", "expired"}:
        days = (tenant.trial_ends_at - now).total_seconds() / DAY_S
        yield make_finding("trial_ending", choices, days, {"ends_at": tenant.trial_ends_at.isoformat()})


def _judge_use(facts: TenantFacts, choices: Choices) -> Iterator[Finding]:
    calls, storage = facts.api_calls_today, facts.stored_bytes
    use = {"used": calls, "limit": facts.api_calls_day_max}
    yield make_finding("api_calls", choices, _percent(calls, facts.api_calls_day_max), use)
    use = {"used": storage, "limit": facts.storage_bytes_max}
    yield make_finding("storage", choices, _percent(storage, facts.storage_bytes_max), use)
    use = {"used": facts.customers, "limit": facts.customers_max, "waiting": facts.customers_waiting}
    is_over = facts.customers_waiting > 0 or facts.customers > facts.customers_max
    near = make_finding("customers", choices, _percent(facts.customers, facts.customers_max), use)
    # Who is over is near too: one cause opens one alert, the graver one, where that is watched.
    gives_way = is_over and choices.get("customers_over", DEFAULT).is_enabled
    yield near._replace(is_over=False) if gives_way else near
    over = facts.customers + facts.customers_waiting - facts.customers_max
    yield make_plain_finding("customers_over", use, is_bad=is_over, value=max(over, 0))
    letters = {"waiting": facts.dead_waiting, "recently": facts.dead_recently}
    yield make_finding("dead_letters", choices, facts.dead_recently, letters)
    # What waits for what somebody has paused is not late: its age says nothing of the rest then.
    is_paused = facts.queue_state == "paused" or any(one.status == "paused" for one in facts.integrations)
    if not is_paused:
        found = make_finding("queue_waiting", choices, facts.oldest_s or 0, {"waiting": facts.waiting})
        # While Redis does not answer nothing is known of what waits: what is open stays open.
        yield found if facts.queue_state != "unknown" else found._replace(is_over=False, is_clear=False)


def _judge_objective(facts: TenantFacts) -> Iterator[Finding]:
    """How fast the month's budget of late changes goes: nothing of a type without an objective."""
    objective = facts.objective
    if objective is None:
        return
    about = {
        "percent": objective.percent,
        "kept": 100 if objective.kept_percent is None else objective.kept_percent,
        "late": objective.month.late + objective.waiting,
        "budget_left": round(100 * objective.budget_left),
    }
    yield make_plain_finding("freshness_burns_fast", about, is_bad=objective.burn == "fast")
    yield make_plain_finding("freshness_burns_slowly", about, is_bad=objective.burn == "slow")


def _judge_integration(
    facts: TenantFacts, integration: IntegrationFacts, choices: Choices, now: datetime
) -> Iterator[Finding]:
    number = integration.integration_id
    about = {
        "integration": str(IntegrationId(facts.tenant.tenant_id, number)),
        "name": integration.name or f"{integration.connector} {integration.account}",
    }
    is_refused = integration.status == "credentials_refused"
    yield make_plain_finding("credentials_refused", about, number, is_bad=is_refused)
    last = integration.last_sync_at
    since = {**about, "last_sync_at": None if last is None else last.isoformat()}
    yield make_finding("sync_late", choices, integration.late_s / HOUR_S, since, number)
    silent = integration.silent_since
    hook = {**about, "silent_since": None if silent is None else silent.isoformat()}
    yield make_plain_finding("hook_silent", hook, number, is_bad=silent is not None)
    expires = integration.credentials_expire_at
    if expires is not None:
        days = (expires - now).total_seconds() / DAY_S
        yield make_finding("credentials_expiring", choices, days, {**about, "expires_at": expires.isoformat()}, number)


def _percent(used: int, limit: int) -> float:
    """Of nothing allowed, anything used is more than all."""
    return 100 * used / limit if limit > 0 else 200.0 * (used > 0)

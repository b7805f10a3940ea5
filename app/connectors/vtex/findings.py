"""What a validation found, in words that a brand can act on. No message holds a token, or anything personal."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from app.connectors.vtex.account import ACCOUNT_PATTERN
from app.core.errors import CredentialsRefusedError, ProviderError, ThrottledError

FindingCode = Literal[
    "wrong_credentials",
    "wrong_account",
    "missing_permission",
    "provider_unavailable",
    "provider_throttled",
    "data_protection_plus",
    "all_fine",
]
Severity = Literal["error", "warning", "info"]

MEANINGS: Mapping[FindingCode, str] = MappingProxyType(
    {
        "wrong_credentials": "app key and token do not match, or were made in another account",
        "wrong_account": "VTEX has no such account",
        "missing_permission": "the key lacks a resource; `permission` names it with its product",
        "provider_unavailable": "VTEX did not answer, or not so that it could be read; says nothing of the key",
        "provider_throttled": "VTEX limits this account's calls just now",
        "data_protection_plus": "orders come masked and customers cannot be read; a warning, the rest works",
        "all_fine": "orders, hook and customers can be read",
    }
)

# Which field somebody must change.
FIELDS: Mapping[FindingCode, str] = MappingProxyType(
    {"wrong_credentials": "app_token", "wrong_account": "account", "missing_permission": "app_key"}
)

_KEY_ACCOUNT = re.compile(rf"vtexappkey-({ACCOUNT_PATTERN})-[0-9A-Za-z]+", re.IGNORECASE | re.ASCII)


class Finding(NamedTuple):
    """One thing found. `permission`: the missing resource, as `product / resource` in VTEX's License Manager."""

    code: FindingCode
    severity: Severity
    message: str
    permission: str | None = None


class Subject(NamedTuple):
    """What was asked of VTEX, the resource it takes, and what is lost without."""

    what: str
    permission: str
    loss: str = ""


ORDER_LIST = Subject(
    "to list orders", "OMS / List Orders", "past orders cannot be loaded, nor what real time missed be repaired"
)
ORDER = Subject("to read an order", "OMS / View order", "no order can be read")
HOOK = Subject("to read the order hook", "OMS / Feed v3 and Hook Admin", "orders do not arrive in real time")
CUSTOMERS = Subject(
    "to search customers", "Dynamic Storage / Read only documents", "no customer of Master Data can be read"
)

ALL_FINE = Finding("all_fine", "info", "Key and token are right, and orders, hook and customers can be read.")


def explain_credentials(account: str, app_key: str) -> Finding:
    message = f"VTEX does not accept this app key and token for {account}: copy both again, and look whether the key "
    message += "is active (Account settings > Account > API keys)."
    found = _KEY_ACCOUNT.fullmatch(app_key)
    if found is not None and found[1].lower() != account:
        message += f" The key looks like one of another account, {found[1].lower()}."
    return Finding("wrong_credentials", "error", message)


def explain_account(account: str, environment: str) -> Finding:
    return Finding(
        "wrong_account",
        "error",
        f"VTEX has no account {account} under {environment}: the name is the one in the address of your VTEX Admin, "
        "https://NAME.myvtex.com/admin.",
    )


def explain_no_answer(account: str, environment: str) -> Finding:
    """No connection, and no way to tell whether there is such an account."""
    return Finding(
        "provider_unavailable",
        "error",
        f"VTEX cannot be reached at {account}.{environment}: it is down, or the way to it is. Try again in some "
        f"minutes. If https://{account}.myvtex.com/admin does not open in a browser either, check the account name.",
    )


def explain_protection(*, is_masked: bool, has_customers: bool) -> Finding:
    seen = "orders show masked personal values" if is_masked else "Master Data has no customers (CL)"
    customers = "" if has_customers else ", and customers cannot be read"
    return Finding(
        "data_protection_plus",
        "warning",
        f"This store looks like one under VTEX's Data Protection Plus: {seen}. Orders arrive with their amounts, items "
        f"and states; masked values are not kept{customers}.",
    )


def explain_failure(error: ProviderError, account: str, subject: Subject) -> Finding:
    """The finding of a call that failed."""
    if isinstance(error, ThrottledError):
        wait = f" Try again in {error.retry_after_s:.0f} s." if error.retry_after_s else " Try again later."
        message = f"VTEX limits the calls to {account} just now, when asked {subject.what}.{wait}"
        return Finding("provider_throttled", "error", message)
    if not isinstance(error, CredentialsRefusedError):
        message = f"VTEX {_describe_answer(error.status)} when asked {subject.what}, which says nothing of your key. "
        message += "Try again in some minutes."
        return Finding("provider_unavailable", "error", message)
    if error.status == 403:
        message = f"The app key is not allowed {subject.what}, so {subject.loss}: add the resource "
        message += f"“{subject.permission}” to a role of the key in VTEX."
        return Finding("missing_permission", "error", message, subject.permission)
    return Finding(
        "wrong_credentials",
        "error",
        f"VTEX knows this app key and token, and {account} refuses them: check that the key was made in this account.",
    )


def _describe_answer(status: int) -> str:
    if not status:
        return "did not answer"
    return "answered something that cannot be read" if 200 <= status < 300 else f"answered {status}"

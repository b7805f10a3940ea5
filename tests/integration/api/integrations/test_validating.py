"""`validate/{type}`: whatever is wrong with credentials of MercadoLibre, Google Ads and Facebook Ads has an answer of
its own, beside the field that somebody must change."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.api.conftest import ACME, read
from tests.integration.api.integrations.accounts import Accounts, Entering, accounts, entering
from tests.integration.api.integrations.conftest import PATH
from tests.integration.sandbox.test_facebook_ads import error
from tests.integration.sandbox.test_google_ads import failure

__all__ = ["accounts", "entering"]


async def test_good_credentials_are_said_to_be(entering: Entering) -> None:
    for name, stream in (("mercadolibre", "orders"), ("google_ads", "ad_spend"), ("facebook_ads", "ad_spend")):
        found = await entering.validate(name)
        assert (found["valid"], found["streams"]) == (True, [stream])
        assert [(one["code"], one["severity"]) for one in found["findings"]] == [("all_fine", "info")]
    assert await entering.list() == [], "nothing was made of it"


async def test_what_is_wrong_at_mercadolibre_is_told_apart(entering: Entering, accounts: Accounts) -> None:
    meli = accounts.meli

    async def look(**changes: str | None) -> list[tuple[str, str | None]]:
        return await entering.look("mercadolibre", **changes)

    assert await look(client_secret="wrong-canary") == [("wrong_client", "client_secret")]
    assert await look(refresh_token="TG-of-nobody-canary") == [("reconnect", "refresh_token")]
    found = await entering.validate("mercadolibre", site_id="MLB")
    assert [(one["code"], one["field"], one["about"]) for one in found["findings"]] == [
        ("wrong_site", "site_id", "MLA")
    ]
    assert await look(user_id="1") == [("wrong_seller", "user_id")]
    assert await look(user_id=meli.user_id) == [("all_fine", None)]
    blocked = {"error": "unauthorized_scopes", "message": "unauthorized_scopes", "status": 401}
    refusal = {"code": "PA_UNAUTHORIZED_RESULT_FROM_POLICIES", "blocked_by": "PolicyAgent", "status": 403}
    for route, status, body, code, field in (
        ("search", 401, blocked, "application_blocked", "client_id"),
        ("search", 403, refusal, "missing_permission", "client_id"),
        ("search", 400, {"error": "bad_request", "status": 400}, "provider_refused", None),
        ("me", 502, {}, "provider_unavailable", None),
        ("me", 429, {"error": "too_many_requests", "status": 429}, "provider_throttled", None),
    ):
        await meli.tell(route, {"status": status, "body": body})
        assert await look() == [(code, field)]


async def test_what_is_wrong_at_google_is_told_apart(entering: Entering, accounts: Accounts) -> None:
    google = accounts.google

    async def look(**changes: str | None) -> list[tuple[str, str | None]]:
        return await entering.look("google_ads", **changes)

    assert await look(client_secret="wrong-canary") == [("wrong_client", "client_secret")]
    assert await look(refresh_token="1//of-nobody-canary") == [("reconnect", "refresh_token")]
    assert await look(refresh_token=None) == [("token_missing", "refresh_token")]
    assert await look(customer_id=google.other) == [("no_access", "customer_id")]
    value = "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"
    for route, status, body, code, field in (
        ("search", 403, failure("authorizationError", value, 403, "PERMISSION_DENIED"), "project_not_approved",
         "client_id"),
        ("search", 403, failure("authorizationError", "MISSING_TOS", 403, "PERMISSION_DENIED"), "provider_refused",
         None),
        ("list", 403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}, "scope_missing", "refresh_token"),
        ("list", 400, failure("requestError", "UNSUPPORTED_VERSION", 400, "INVALID_ARGUMENT"), "version_ended", None),
        ("list", 502, "no JSON", "provider_unavailable", None),
    ):  # fmt: skip
        await google.tell(route, {"status": status, "body": body})
        assert await look() == [(code, field)]
    await google.put(status="CANCELED")
    assert await look() == [("account_not_enabled", "customer_id")]
    await google.control("DELETE", f"grants/{google.grant.replace('/', '%2F')}")
    assert await look() == [("reconnect", "refresh_token")], "withdrawn"
    await google.tell("token", {"status": 429, "body": {"error": "rate_limited"}})
    assert await look() == [("provider_throttled", None)]


async def test_a_manager_is_explained_with_the_accounts_below_it(entering: Entering, accounts: Accounts) -> None:
    google = accounts.google
    await google.put_grant([google.manager])
    [found] = (await entering.validate("google_ads", customer_id=google.manager))["findings"]
    assert (found["code"], found["field"]) == ("manager_account", "customer_id")
    for child in (google.account, google.other):
        shown = f"{child[:3]}-{child[3:6]}-{child[6:]}"
        assert shown in found["about"]
        assert shown in found["message"]
    assert await entering.look("google_ads") == [("no_access", "customer_id")]
    assert await entering.look("google_ads", login_customer_id=google.manager) == [("all_fine", None)]


async def test_what_is_wrong_at_meta_is_told_apart(entering: Entering, accounts: Accounts) -> None:
    facebook, now = accounts.facebook, datetime.now(UTC)

    async def look(**changes: str | None) -> list[tuple[str, str | None]]:
        return await entering.look("facebook_ads", **changes)

    warned = ("not_looked_into", "app_secret")
    assert await look(app_secret=None) == [warned, ("all_fine", None)]
    assert await look(app_secret="wrong-canary") == [("wrong_secret", "app_secret")]
    assert await look(access_token="of-nobody-canary") == [("reconnect", "access_token")]
    assert await look(ad_account_id="act_5") == [("no_access", "ad_account_id")]
    soon, past = int((now + timedelta(days=3)).timestamp()), int((now - timedelta(days=1)).timestamp())
    for facts, code, field in (
        ({"app_id": "77"}, "wrong_app", "app_id"),
        ({"scopes": ["email"]}, "scope_missing", "access_token"),
        ({"data_access_expires_at": past}, "data_access_ended", "access_token"),
        ({"expires_at": soon}, "token_ends", "access_token"),
        ({"is_valid": False}, "reconnect", "access_token"),
    ):
        await facebook.put(token_facts=facts)
        assert await look() == [(code, field)]
    await facebook.put(is_proof_needed=True)
    assert await look(app_secret=None) == [warned, ("proof_needed", "app_secret")]
    await facebook.put(account_status=2)
    assert await look() == [("account_not_active", "ad_account_id")]
    await facebook.put()
    await facebook.tell("account", {"status": 502, "body": "x"}, error(368), error(80004))
    assert await look() == [("provider_unavailable", None)]
    assert await look() == [("provider_refused", None)]
    assert await look() == [("provider_throttled", None)]


async def test_a_brands_own_system_has_nothing_to_validate(entering: Entering) -> None:
    async with entering.cast.client(ACME) as client:
        answer = await client.post(f"{PATH}/validate/brand", json={"account": "erp"})
        assert "no credentials to validate" in read(answer, 501)["detail"]


async def test_held_credentials_are_tried_and_what_was_refused_goes_on(
    entering: Entering, accounts: Accounts, superuser: Any
) -> None:
    facebook, google = accounts.facebook, accounts.google
    for name in ("mercadolibre", "google_ads", "facebook_ads"):
        made = await entering.create(name)
        assert (await entering.post(made["id"], "validate"))["valid"]
    [seller, advertiser, ad_account] = [one["id"] for one in await entering.list()]
    await superuser.execute("UPDATE tenant_integrations SET status = 'credentials_refused', status_reason = '401'")
    await facebook.put(token_facts={"is_valid": False})
    await google.control("DELETE", f"grants/{google.grant.replace('/', '%2F')}")
    await accounts.meli.control("PATCH", "sellers", {accounts.meli.user_id: {"refresh_token": None}})
    await accounts.meli.control("DELETE", f"access_tokens/{accounts.meli.user_id}")
    for one in (seller, advertiser, ad_account):
        found = await entering.post(one, "validate")
        assert [finding["code"] for finding in found["findings"]] == ["reconnect"]
    assert {one["status"] for one in await entering.list()} == {"credentials_refused"}
    await facebook.put()
    await google.put()
    for one in (advertiser, ad_account):
        await entering.post(one, "validate")
    assert [one["status"] for one in await entering.list()] == ["credentials_refused", "active", "active"]

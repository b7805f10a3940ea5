"""Alerts, rules, channels and backups over the API."""

from uuid import UUID

from db.pool import Database
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.dashboard.test_alerts_pages import plant

ALERTS = f"/tenants/{ACME}/alerts"
SLACK = {"kind": "slack", "name": "chat", "url": "https://hooks.invalid/services/canary"}


async def test_alerts_are_listed_acknowledged_and_snoozed(cast: Cast, database: Database) -> None:
    alert_id = await plant(database)
    await plant(database, GLOBEX)
    async with cast.client(ACME, "operator") as client:
        [listed] = read(await client.get(ALERTS, params={"state": "open"}))["data"]
        assert (listed["alert_id"], listed["rule"], listed["tenant_id"]) == (str(alert_id), "dead_letters", ACME)
        assert read(await client.get(ALERTS, params={"state": "closed"}))["data"] == []
        one = f"{ALERTS}/{alert_id}"
        assert read(await client.post(f"{one}/acknowledge"))["data"]["acknowledged_by"].startswith("key:")
        assert read(await client.post(f"{one}/snooze", json={"minutes": 60}))["data"]["snoozed_until"]
        assert read(await client.post(f"{one}/unsnooze"))["data"]["snoozed_until"] is None
        for wrong in ({}, {"minutes": 5, "until": "2027-01-01T00:00:00Z"}, {"minutes": 0}):
            assert read(await client.post(f"{one}/snooze", json=wrong), 422)["code"] == "invalid_input"
        assert (await client.put(f"{ALERTS}/rules/storage", json={"threshold": 50.0})).status_code == 403
        assert (await client.post(f"{ALERTS}/channels", json=SLACK)).status_code == 403
    async with cast.client(GLOBEX, "owner") as client:
        assert (await client.get(f"/tenants/{GLOBEX}/alerts/{alert_id}")).status_code == 404
    async with cast.client(ACME, "auditor") as client:
        assert len(read(await client.get(ALERTS))["data"]) == 1
        assert (await client.post(f"{ALERTS}/{alert_id}/acknowledge")).status_code == 403


async def test_rules_are_chosen_within_bounds(cast: Cast) -> None:
    async with cast.client(ACME) as client:
        changed = read(await client.put(f"{ALERTS}/rules/storage", json={"threshold": 50.0}))["data"]
        assert (changed["threshold"], changed["closes_at"], changed["default_threshold"]) == (50, 47.5, 80)
        rules = read(await client.get(f"{ALERTS}/rules"))["data"]
        assert {rule["rule"]: rule["threshold"] for rule in rules}["storage"] == 50
        assert read(await client.put(f"{ALERTS}/rules/storage", json={"threshold": 500.0}), 422)
        assert read(await client.put(f"{ALERTS}/rules/nothing", json={}), 404)
        off = read(await client.put(f"{ALERTS}/rules/storage", json={"is_enabled": False}))["data"]
        assert (off["is_enabled"], off["threshold"]) == (False, 80)


async def test_a_channel_lives_and_its_secret_is_shown_once(cast: Cast) -> None:
    async with cast.client(ACME) as client:
        made = read(await client.post(f"{ALERTS}/channels", json={**SLACK, "kind": "webhook"}), 201)["data"]
        assert made["secret"].startswith("whsec_")
        assert "canary" not in str(made)
        one = f"{ALERTS}/channels/{UUID(made['channel_id'])}"
        assert "secret" not in read(await client.get(one))["data"]
        assert read(await client.put(one, json={"is_enabled": False}))["data"]["status"] == "off"
        told = read(await client.post(f"{one}/test"))["data"]
        assert (told["is_taken"], bool(told["failure"])) == (False, True)
        assert read(await client.post(f"{one}/rotate"))["data"]["secret"] != made["secret"]
        assert read(await client.delete(one))["data"]["is_enabled"] is False
        assert read(await client.get(one), 404)
        for wrong in ({**SLACK, "url": "https://10.0.0.1/x"}, {**SLACK, "to": ["a@example.org"]},
                      {"kind": "email", "name": "n", "to": ["nobody"]}):  # fmt: skip
            problem = read(await client.post(f"{ALERTS}/channels", json=wrong), 422)
            assert "10.0.0.1" not in str(problem)


async def test_backups_are_the_platforms(cast: Cast) -> None:
    async with cast.client(0, "platform_admin") as client:
        made = read(await client.post("/platform/backups", json={"kind": "data", "note": "bucket 7"}), 201)["data"]
        assert made["reported_by"].startswith("key:")
        assert [one["note"] for one in read(await client.get("/platform/backups"))["data"]] == ["bucket 7"]
        assert read(
            await client.post("/platform/backups", json={"kind": "data", "taken_at": "2199-01-01T00:00:00Z"}), 422
        )
    async with cast.client(ACME, "owner") as client:
        assert (await client.post("/platform/backups", json={"kind": "data"})).status_code == 403

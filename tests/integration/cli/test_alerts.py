"""`acequia alerts` and `acequia backup`, on a running stack."""

import json

from tests.integration.cli.conftest import RunCommand

ACME = "56"


async def test_rules_channels_and_backups(acequia: RunCommand) -> None:
    assert json.loads((await acequia("alerts", "list", "--platform", "--json")).out) == []
    changed = await acequia("alerts", "rules", ACME, "--rule", "storage", "--threshold", "70", "--json")
    assert {rule["rule"]: rule["threshold"] for rule in json.loads(changed.out)}["storage"] == 70
    assert (await acequia("alerts", "rules", ACME, "--rule", "storage", "--threshold", "700")).code == 1
    created = await acequia(
        *("alerts", "channels", "create", ACME, "--kind", "webhook", "--name", "On call", "--json"),
        ACEQUIA_CHANNEL_URL="https://hooks.invalid/canary",
    )
    made = json.loads(created.out)
    assert made["secret"].startswith("whsec_")
    shown = await acequia("alerts", "channels", "list", ACME)
    assert "On call" in shown.out
    assert "canary" not in shown.out
    tested = await acequia("alerts", "channels", "test", ACME, "--channel", made["channel_id"])
    assert (tested.code, "was not taken" in tested.err) == (1, True)
    rotated = await acequia("alerts", "channels", "rotate", ACME, "--channel", made["channel_id"], "--json")
    assert json.loads(rotated.out)["secret"] != made["secret"]
    assert "deleted" in (await acequia("alerts", "channels", "delete", ACME, "--channel", made["channel_id"])).out
    for words in (("ack", ACME, "--alert", "x"), ("snooze", ACME, "--alert", made["channel_id"], "--minutes", "5")):
        assert (await acequia("alerts", *words)).code == 1
    assert "is noted" in (await acequia("backup", "report", "data", "--verified")).out
    [report] = json.loads((await acequia("backup", "list", "--json")).out)
    assert report["verified_at"]
    assert (await acequia("backup", "report", "everything")).code == 1

"""The platform's statements about alerts are the tenants', over other tables: one code runs both."""

import re

import pytest

from db.queries import load_statements

TABLES = re.compile(r"\b(alerts|alert_rules|alert_channels|alert_deliveries)\b(?=\s+(AS|\())")


@pytest.mark.parametrize("file", ["alerts", "alert_channels", "alert_deliveries"])
def test_the_platforms_statements_are_the_tenants(file: str) -> None:
    platforms = {statement.name: statement for statement in load_statements(f"platform_{file}")}
    tenants = load_statements(file)
    assert set(platforms) == {statement.name for statement in tenants}
    for statement in tenants:
        there = platforms[statement.name]
        assert there.sql == TABLES.sub(r"platform_\1", statement.sql), statement.name
        assert there.roles == statement.roles
        assert "platform_" in there.sql or "advisory" in there.sql

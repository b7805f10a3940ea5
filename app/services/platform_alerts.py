"""What is watched of the platform itself: backups, and whether the queue has lost its memory."""

from datetime import datetime

from app.core.settings import Settings
from app.services.alert_findings import make_plain_finding
from app.services.alert_rules import DEFAULT
from app.services.alerts import Round, evaluate_findings, read_choices
from app.services.backups import judge_backups
from db.alert_scope import PLATFORM_ID
from db.alerts import count_lost_memories, list_choices
from db.backups import list_newest
from db.pool import Database


async def evaluate_platform_alerts(database: Database, settings: Settings, now: datetime) -> Round:
    """One round; `now`: before it."""
    async with database.platform_tx("read_platform") as connection:
        choices = read_choices(await list_choices(connection, PLATFORM_ID)).get(PLATFORM_ID, {})
        newest = await list_newest(connection)
        gaps = await count_lost_memories(connection)
    findings = judge_backups(settings, newest, choices, now)
    if choices.get("queue_memory_lost", DEFAULT).is_enabled:
        findings.append(make_plain_finding("queue_memory_lost", {"gaps": gaps}, is_bad=gaps > 0, value=gaps))
    return await evaluate_findings(database, settings, PLATFORM_ID, findings, now)

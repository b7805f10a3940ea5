"""Backups: reported by whoever makes them, watched by two rules of the platform."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.core.errors import FieldProblem, InvalidInputError
from app.core.settings import Settings
from app.services.alert_findings import Finding, make_plain_finding
from app.services.alert_rules import DEFAULT, Choices
from app.services.audit import Actor, write_audit
from app.services.office import Office
from db import backups as db_backups
from db.backups import BACKUP_KINDS, BackupRow, Newest
from schemas.alerts import BackupReport, NewBackupReport
from schemas.ids import make_uuid7

HOUR_S = 3_600
CLOCKS = timedelta(minutes=5)  # by which another machine's clock may be ahead
REPORTS_SHOWN_MAX = 100


async def report_backup(office: Office, report: NewBackupReport, *, actor: Actor) -> BackupReport:
    """Raises InvalidInputError for what has not happened yet."""
    now = datetime.now(UTC)
    taken_at = report.taken_at or now
    for name, moment in (("taken_at", taken_at), ("verified_at", report.verified_at)):
        if moment is not None and moment > now + CLOCKS:
            raise InvalidInputError(FieldProblem(f"/{name}", "lies in the future"))
    row = BackupRow(UUID(make_uuid7()), report.kind, taken_at, report.verified_at, report.note, actor.requester, now)
    async with office.database.platform_tx("report_backup") as connection:
        await db_backups.insert_report(connection, *row[:-1])
        details = {"kind": report.kind, "is_verified": report.verified_at is not None}
        await write_audit(connection, None, actor, "backup.reported", "backup", str(row.report_id), details)
    return _show(row)


async def list_backups(office: Office, limit: int = REPORTS_SHOWN_MAX) -> list[BackupReport]:
    """Newest first."""
    async with office.database.platform_tx("list_backups") as connection:
        return [_show(row) for row in await db_backups.list_reports(connection, min(limit, REPORTS_SHOWN_MAX))]


def judge_backups(settings: Settings, newest: Sequence[Newest], choices: Choices, now: datetime) -> list[Finding]:
    """Nothing while they are not watched. Pure."""
    known = {one.kind: one for one in newest}
    ages_h = {kind: _age_h(known[kind].taken_at if kind in known else None, now) for kind in BACKUP_KINDS}
    tried_h = {kind: _age_h(known[kind].verified_at if kind in known else None, now) for kind in BACKUP_KINDS}
    findings = []
    if settings.backup_age_h_max and choices.get("backup_missing", DEFAULT).is_enabled:
        kinds = [kind for kind, age in ages_h.items() if age > settings.backup_age_h_max]
        details = {"kinds": kinds, "max_age_h": settings.backup_age_h_max}
        findings.append(make_plain_finding("backup_missing", details, is_bad=bool(kinds), value=len(kinds)))
    if settings.backup_verify_days_max and choices.get("backup_unverified", DEFAULT).is_enabled:
        kinds = [kind for kind, age in tried_h.items() if age > settings.backup_verify_days_max * 24]
        details = {"kinds": kinds, "max_days": settings.backup_verify_days_max}
        findings.append(make_plain_finding("backup_unverified", details, is_bad=bool(kinds), value=len(kinds)))
    return findings


def _age_h(moment: datetime | None, now: datetime) -> float:
    return float("inf") if moment is None else (now - moment).total_seconds() / HOUR_S


def _show(row: BackupRow) -> BackupReport:
    return BackupReport.model_validate(row._asdict())

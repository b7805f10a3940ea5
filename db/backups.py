"""What whoever makes backups told of them. All of it is platform work."""

from datetime import datetime
from typing import Literal, NamedTuple, get_args
from uuid import UUID

import asyncpg

from db.queries import load_queries

SQL = load_queries("backups")
BackupKind = Literal["data", "keys", "keystore"]
BACKUP_KINDS: tuple[BackupKind, ...] = get_args(BackupKind)


class BackupRow(NamedTuple):
    """`verified_at`: when it was last restored as a trial."""

    report_id: UUID
    kind: BackupKind
    taken_at: datetime
    verified_at: datetime | None
    note: str | None
    reported_by: str
    reported_at: datetime


class Newest(NamedTuple):
    """Of one kind: when the newest backup was made, and when one was last verified."""

    kind: BackupKind
    taken_at: datetime
    verified_at: datetime | None


async def insert_report(  # noqa: PLR0917 - what, when, verified when, what is said of it, by whom
    connection: asyncpg.Connection, report_id: UUID, kind: BackupKind, taken_at: datetime,
    verified_at: datetime | None, note: str | None, reported_by: str,
) -> None:  # fmt: skip
    await connection.execute(SQL["insert_report"], report_id, kind, taken_at, verified_at, note, reported_by)


async def list_newest(connection: asyncpg.Connection) -> list[Newest]:
    """One for each kind of which there is any."""
    return [Newest(*row) for row in await connection.fetch(SQL["list_newest"])]


async def list_reports(connection: asyncpg.Connection, limit: int) -> list[BackupRow]:
    """Newest first."""
    return [BackupRow(*row) for row in await connection.fetch(SQL["list_reports"], limit)]


async def forget_reports(connection: asyncpg.Connection, before: datetime) -> None:
    """Old ones but those that say how it is now."""
    await connection.execute(SQL["forget_reports"], before)

"""Sorts what a read returned: groups that need a GET, and arrivals that can be settled at once."""

import asyncio
import time
from dataclasses import dataclass, field

from app.core.errors import AcequiaError, MappingError
from app.core.queue import Entry, ReadResult
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.services.observe import open_inline
from schemas.events import Event, decode_event
from schemas.ids import read_uuid7_ms
from workers.held import Arrival, Group, Held

# Opening an inline document takes some 100 µs: other tenants' drains get the loop back after this many.
INLINE_YIELD_EVENTS = 32


@dataclass(slots=True)
class Intake:
    groups: list[Group] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)


async def sort_out(settings: Settings, keys: TenantKeys, answer: ReadResult) -> Intake:
    """Inline documents are opened and mapped here, before any reduction to the newest: an unmappable newest one must
    not make the good older one count as superseded."""
    intake = Intake()
    groups: dict[tuple[object, ...], Group] = {}
    opened = 0
    for entry in answer.entries:
        held = decode_entry(settings, entry)
        if isinstance(held, Arrival):
            intake.arrivals.append(held)
            continue
        event = held.event
        if event.form == "inline":
            intake.arrivals.append(_open(keys, held))
            opened += 1
            if opened % INLINE_YIELD_EVENTS == 0:
                await asyncio.sleep(0)
            continue
        key = (event.integration_id, event.kind, event.source, event.account, event.object_id, event.action)
        group = groups.get(key)
        if group is None:
            groups[key] = Group(keys.tenant_id, [held], answer.server_now)
        else:
            group.events.append(held)
    intake.groups.extend(groups.values())
    return intake


def decode_entry(settings: Settings, entry: Entry) -> Held | Arrival:
    """The event in an entry, or its end: unreadable, out of reads or tries, or waiting for longer than is allowed."""
    try:
        event = decode_event(entry.event_id, entry.body)
    except (ValueError, KeyError, TypeError):
        event = Event(entry.event_id, "unknown", "", 0, "hint", "order", "upsert", "")
        return Arrival([Held(entry, event)], dead_reason="unreadable_entry")
    held = Held(entry, event)
    if entry.reads > settings.reads_max:
        return Arrival([held], dead_reason="stopped_its_worker")
    if entry.tries >= settings.tries_max:
        return Arrival([held], dead_reason="no_answer")
    if time.time() * 1000 - read_uuid7_ms(entry.event_id) > settings.event_wait_max_s * 1000:
        return Arrival([held], dead_reason="waited_too_long")
    return held


def _open(keys: TenantKeys, held: Held) -> Arrival:
    try:
        return Arrival([held], observation=open_inline(keys, held.event))
    except MappingError as error:
        return Arrival([held], dead_reason=error.code, dead_field=error.field)
    except AcequiaError as error:
        return Arrival([held], dead_reason=error.code)

"""Sorts what a read returned: groups that need a GET, and arrivals that can be settled at once."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from app.connectors.vtex.probe import is_probe
from app.core.errors import AcequiaError, MappingError
from app.core.queue import Entry, ReadResult
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.services.observe import open_inline
from app.services.told_nothing import PROBE_REASON
from schemas.events import Event, EventAction, EventForm, EventKind, decode_event
from schemas.ids import make_uuid7, read_uuid7_ms
from workers.held import NO_ANSWER, Arrival, Group, Held

_FORMS, _KINDS, _ACTIONS = (frozenset(get_args(words)) for words in (EventForm, EventKind, EventAction))
_INTEGRATION_ID_END = 2**31
# Opening an inline document takes some 100 µs: other tenants' drains get the loop back after this many.
INLINE_YIELD_EVENTS = 32
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


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
        if is_probe(event):
            intake.arrivals.append(Arrival([held], ignored_reason=PROBE_REASON))
            continue
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
        if not _UUID7.fullmatch(entry.event_id):
            raise ValueError("event id")
        event = decode_event(entry.event_id, entry.body)
        _check_form(event)
    except (ValueError, KeyError, TypeError):
        # An id that is none of ours cannot stand in the ledger: the row gets one of its own, and the queue knows the
        # entry by the id it has.
        event_id = entry.event_id if _UUID7.fullmatch(entry.event_id) else make_uuid7()
        event = Event(event_id, "unknown", "", 0, "hint", "order", "upsert", "")
        return Arrival([Held(entry, event)], dead_reason="unreadable_entry")
    held = Held(entry, event)
    if entry.reads > settings.reads_max:
        return Arrival([held], dead_reason="stopped_its_worker")
    if entry.tries >= settings.tries_max:
        return Arrival([held], dead_reason=NO_ANSWER)
    if time.time() * 1000 - read_uuid7_ms(entry.event_id) > settings.event_wait_max_s * 1000:
        return Arrival([held], dead_reason="waited_too_long")
    return held


def _check_form(event: Event) -> None:
    """Raises ValueError for what the ledger could not hold. A word of a later release, met by this one in the middle
    of a deployment, would else fail in every commit, also as a dead letter, and hold its tenant for ever."""
    texts = (event.source, event.account, event.object_id, "" if event.state is None else event.state)
    if not all(isinstance(text, str) and "\x00" not in text for text in texts):
        raise ValueError("text")
    if event.form not in _FORMS or event.kind not in _KINDS or event.action not in _ACTIONS:
        raise ValueError("word")
    if not isinstance(event.integration_id, int) or not 0 <= event.integration_id < _INTEGRATION_ID_END:
        raise ValueError("integration_id")
    if any(isinstance(time, datetime) and time.tzinfo is None for time in (event.stamp, event.signed_at)):
        raise ValueError("time without a zone")


def _open(keys: TenantKeys, held: Held) -> Arrival:
    try:
        return Arrival([held], observation=open_inline(keys, held.event))
    except MappingError as error:
        return Arrival([held], dead_reason=error.code, dead_field=error.field)
    except AcequiaError as error:
        return Arrival([held], dead_reason=error.code)

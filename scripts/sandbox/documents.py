"""The documents of an entity, `CL` or `AD`, as a search sees them: which a filter means, in what order, and their text.

A key is a customer's ordinal for `CL`, and ordinal x ADDRESSES_MAX + number for `AD`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scripts.sandbox.client_index import DATE_FIELDS
from scripts.sandbox.customer_book import CustomerBook
from scripts.sandbox.customer_documents import ADDRESSES_MAX, make_address_id
from scripts.sandbox.customers import count_addresses
from scripts.sandbox.seeds import find_number
from scripts.sandbox.sorted_index import VALUE_MAX
from scripts.sandbox.times import NEVER_US, parse_us
from scripts.sandbox.where import EVERYTHING, And, Between, Comparison, Filter, IsNull, Or

_TEXT_FIELDS = {"CL": ("id", "userId", "email"), "AD": ("id", "userId")}


class NotFilterableError(Exception):
    """The entity has no index on that field."""


class Documents:
    def __init__(self, book: CustomerBook, entity: str) -> None:
        book.index.catch_up()
        self._book = book
        self._index = book.index
        self._entity = entity

    def find(self, wanted: Filter, sort: str) -> Sequence[int]:
        """Keys of all that are meant. `sort`: empty, or a date field or `id` and ASC or DESC.

        Raises ValueError or NotFilterableError.
        """
        question = (self._entity, repr(wanted), sort)
        found = self._index.find_answer(question)
        if found is None:
            found = self._sort(self._select(wanted), sort)
            self._index.keep_answer(question, found)
        return found

    def show(self, keys: Iterable[int], fields: str) -> list[dict[str, object]]:
        """The documents as the index has them; those that are gone since are left out."""
        return [pick_fields(document, fields) for key in keys for document in self._read(key)]

    def _read(self, key: int) -> Iterator[dict[str, object]]:
        ordinal = key if self._entity == "CL" else key // ADDRESSES_MAX
        profile = self._index.find_profile(ordinal) if self._book.has(ordinal) else None
        if profile is None:
            return
        customer = self._book.at(ordinal, profile)
        yield customer.show_client(profile) if self._entity == "CL" else customer.addresses[key % ADDRESSES_MAX]

    def _select(self, wanted: Filter) -> Sequence[int]:
        if wanted == EVERYTHING:
            return list(self._spread(self._index.by_date["createdIn"].keys))
        if isinstance(wanted, And | Or):
            parts = [set(self._select(part)) for part in wanted.parts]
            return sorted(set.union(*parts) if isinstance(wanted, Or) else set.intersection(*parts))
        if wanted.field not in (*_TEXT_FIELDS[self._entity], *DATE_FIELDS):
            raise NotFilterableError("Field is not filterable")
        if isinstance(wanted, IsNull):
            return self._select_null(wanted)
        if isinstance(wanted, Comparison) and wanted.sign == "<>":
            return self._select_others(self._select(wanted._replace(sign="=")))
        if wanted.field in DATE_FIELDS:
            return list(self._spread(self._select_dates(wanted.field, *_find_ends(wanted))))
        if isinstance(wanted, Between) or wanted.sign != "=":
            raise NotFilterableError("Field is not filterable")
        return self._select_text(wanted.field, wanted.value)

    def _select_dates(self, field: str, low: int, high: int) -> Sequence[int]:
        """Ordinals. An address is as old as its customer, and was never changed."""
        if self._entity == "AD":
            return [] if field == "updatedIn" else self._index.by_date["createdIn"].find_keys(low, high)
        return self._index.by_date[field].find_keys(low, high)

    def _select_null(self, wanted: IsNull) -> Sequence[int]:
        filled: Sequence[int] = self._select(EVERYTHING)
        if wanted.field == "updatedIn":
            filled = list(self._spread(self._select_dates("updatedIn", 0, VALUE_MAX)))
        return self._select_others(filled) if wanted.is_null else filled

    def _select_others(self, keys: Sequence[int]) -> Sequence[int]:
        left_out = set(keys)
        return [key for key in self._select(EVERYTHING) if key not in left_out]

    def _select_text(self, field: str, value: str) -> Sequence[int]:
        if field == "email":
            return self._index.find_email(value)
        number = find_number(value)
        if number is None:
            return []
        if field == "id" and self._entity == "AD":
            return [number] if any(row["id"] == value for row in self._read_safely(number)) else []
        if not self._is_shown(number):
            return []
        customer = self._book.at(number)
        if field == "id":
            return [number] if customer.document_id == value.lower().removeprefix("cl-") else []
        return list(self._spread([number])) if customer.user_id == value else []

    def _read_safely(self, key: int) -> Iterator[dict[str, object]]:
        return self._read(key) if key in self._spread([key // ADDRESSES_MAX]) else iter(())

    def _is_shown(self, ordinal: int) -> bool:
        return self._book.has(ordinal) and self._index.find_profile(ordinal) is not None

    def _spread(self, ordinals: Iterable[int]) -> Iterable[int]:
        """The keys of these customers' documents."""
        if self._entity == "CL":
            return ordinals
        return (
            ordinal * ADDRESSES_MAX + number
            for ordinal in ordinals
            if self._is_shown(ordinal)
            for number in range(count_addresses(self._book.seed_of(ordinal)))
        )

    def _sort(self, keys: Sequence[int], sort: str) -> Sequence[int]:
        if not sort:
            return keys
        field, _, direction = sort.partition(" ")
        if field not in (*_TEXT_FIELDS[self._entity], *DATE_FIELDS) or direction.upper() not in ("", "ASC", "DESC"):
            raise ValueError("Invalid sort")
        return sorted(keys, key=lambda key: self._read_value(key, field), reverse=direction.upper() == "DESC")

    def _read_value(self, key: int, field: str) -> Any:
        """What is sorted by: texts, or microseconds with null before all."""
        if self._entity == "CL":
            if field in DATE_FIELDS:
                return self._index.read_date(key, field)
            customer = self._book.at(key)
            return (
                customer.document_id
                if field == "id"
                else customer.user_id
                if field == "userId"
                else str(customer.client["email"])
            )
        ordinal, number = divmod(key, ADDRESSES_MAX)
        if field in DATE_FIELDS:
            return NEVER_US if field == "updatedIn" else self._book.created[ordinal]
        customer = self._book.at(ordinal)
        return make_address_id(customer, number) if field == "id" else customer.user_id


def _find_ends(wanted: Between | Comparison) -> tuple[int, int]:
    """Both included, in microseconds."""
    if isinstance(wanted, Between):
        return parse_us(wanted.low), parse_us(wanted.high)
    moment_us = parse_us(wanted.value)
    return {"=": (moment_us, moment_us), "<": (0, moment_us - 1), ">": (moment_us + 1, VALUE_MAX)}[wanted.sign]


def pick_fields(document: dict[str, object], fields: str) -> dict[str, object]:
    if fields == "_all":
        return document
    return {name: document[name] for name in fields.split(",") if name in document}

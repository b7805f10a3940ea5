"""Customers and orders as the API shows them: each with its source, and with the times that say how fresh it is."""

from datetime import datetime
from typing import Annotated, ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, Field, StringConstraints

from schemas.api import Page, PageQuery, Query, Shown
from schemas.records import Address, Buyer, OrderItem, Payment, RecordStream

T = TypeVar("T")
KeyPart = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Personal = Annotated[str, StringConstraints(min_length=1, max_length=320)]
_REVEAL = "show personal data as it is: needs `records:reveal`, and is audited"


class RecordQuery(Query):
    """How one record is shown."""

    reveal: bool = Field(False, description=_REVEAL)


class _RecordsQuery(PageQuery):
    external_id: KeyPart | None = Field(None, description="the id at the source, at every source and account")
    source: KeyPart | None = Field(None, description="with an id: only at this source, such as `vtex`")
    account: KeyPart | None = Field(None, description="with an id: only at this account")
    updated_since: AwareDatetime | None = Field(
        None, description="what we changed then or later, tombstones too; go on from `next_updated_since`"
    )
    reveal: bool = Field(False, description=_REVEAL)


class CustomersQuery(_RecordsQuery):
    """At most one of `external_id`, `email`, `phone` and `document`; the last three need `records:reveal`."""

    STREAM: ClassVar[RecordStream] = "customers"

    email: Personal | None = Field(None, description="in any spelling; needs `records:reveal`")
    phone: Personal | None = Field(None, description="as dialled in the tenant's country; needs `records:reveal`")
    document: Personal | None = Field(None, description="needs `records:reveal`")
    document_type: KeyPart | None = Field(None, description="with `document`: such as `dni`; known ones if not given")


class OrdersQuery(_RecordsQuery):
    """At most one of `external_id` and `customer`."""

    STREAM: ClassVar[RecordStream] = "orders"

    customer: KeyPart | None = Field(None, description="a customer's id at the source: orders that share an identity")
    status: KeyPart | None = Field(None, description="the source's own word")
    include_items: bool = Field(False, description="with the lines of each order")


class ValueTime(Shown):
    """When a value was observed, and its source's time of it."""

    source_updated_at: datetime
    observed_at: datetime


class RecordShown(Shown):
    """`id` is for addresses here; `external_id` is the source's own. `first_seen_at` is when we first wrote it,
    `updated_at` when we last changed it. `mapper_version`: of our reading of the source's document.

    `is_deleted`: a tombstone, which holds nothing else. `values_from`: fields that come from an earlier observation
    than the record's own, null for what nobody has told; all others are of `source_updated_at` and `observed_at`.
    """

    id: str
    source: str
    account: str
    external_id: str
    source_created_at: datetime | None
    source_updated_at: datetime
    observed_at: datetime
    first_seen_at: datetime
    updated_at: datetime
    revision: int
    mapper_version: int
    is_deleted: bool
    deleted_at: datetime | None
    is_masked: bool
    values_from: dict[str, ValueTime | None]


class CustomerShown(RecordShown):
    """A profile at one source. Personal fields are masked unless they were asked for and may be seen."""

    is_corporate: bool | None
    accepts_marketing: bool | None
    locale: str | None
    customer_class: str | None
    profile_id: str | None
    email: str | None
    phones: list[str]
    document_type: str | None
    document: str | None
    first_name: str | None
    last_name: str | None
    gender: str | None
    birth_date: str | None
    corporate_name: str | None
    trade_name: str | None
    corporate_document: str | None
    addresses: list[Address]


class OrderShown(RecordShown):
    """An order. Amounts are in minor units of `currency`. `items`: null where they were not asked for.

    `buyer`, `shipping_address` and `cancel_reason` are masked unless they were asked for and may be seen.
    """

    status: str | None
    status_class: str
    currency: str | None
    total_minor: int | None
    items_minor: int | None
    discounts_minor: int | None
    shipping_minor: int | None
    tax_minor: int | None
    sequence: str | None
    order_group: str | None
    origin: str | None
    sales_channel: str | None
    is_completed: bool | None
    authorized_at: datetime | None
    invoiced_at: datetime | None
    canceled_at: datetime | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    coupon: str | None
    has_workflow_error: bool | None
    item_count: int
    items: list[OrderItem] | None
    payments: list[Payment]
    sellers: list[str]
    buyer: Buyer | None
    shipping_address: Address | None
    cancel_reason: str | None


class RecordPage(Page[T], Generic[T]):
    """`next_updated_since`: begin the next poll there and nothing is missed; null where records were found by an id or
    an identity. Rows of the last minute may come again: what is delivered twice has the same `id` and `revision`."""

    next_updated_since: datetime | None = None

"""Provider-neutral records: what a connector hands to the services, and what a brand's middleware may send.

Amounts are integers in minor units of `currency`; times are timezone-aware; identifiers are the source's own.
Fields named in a record's `PERSONAL` set are sealed before they are stored; the rest are typed columns.
"""

from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """What every record carries: its key at the source, the source's stamps, and what is not known.

    `missing` names the fields that this observation says nothing about: they keep what is already held.
    `is_deleted` makes the observation a tombstone: all other fields are then empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    PERSONAL: ClassVar[frozenset[str]] = frozenset()

    external_id: str
    source_created_at: datetime | None = None
    source_updated_at: datetime | None = None
    is_deleted: bool = False
    missing: tuple[str, ...] = ()


def write_json(record: Record) -> bytes:
    """A record's JSON without what is default. Stored hashes are made over it, so its form does not change: a field
    that a later release adds does not make every record look new."""
    return record.__pydantic_serializer__.to_json(record, exclude_defaults=True)


def cut_personal(record: Record, content: bytes) -> bytes:
    """The object of the personal fields alone out of `content`, which `write_json` wrote: they are a record's last
    ones. No text can hold the name that is looked for, since quotes in it are escaped."""
    for name, default in _list_personal(type(record)):
        if getattr(record, name) != default:
            return b"{" + content[content.index(b',"%b":' % name.encode()) + 1 :]
    return b"{}"


@cache
def _list_personal(kind: type[Record]) -> tuple[tuple[str, object], ...]:
    names = list(kind.model_fields)
    personal = names[len(names) - len(kind.PERSONAL) :]
    assert set(personal) == kind.PERSONAL, f"the personal fields of {kind.__name__} are its last ones"
    return tuple((name, kind.model_fields[name].default) for name in personal)


class Address(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    external_id: str | None = None
    kind: str | None = None
    receiver_name: str | None = None
    street: str | None = None
    number: str | None = None
    complement: str | None = None
    neighborhood: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    reference: str | None = None


class Buyer(BaseModel):
    """Who bought, as the order says it. `email` is never a provider's alias (those are dropped)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile_id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    document_type: str | None = None
    document: str | None = None
    phone: str | None = None
    is_corporate: bool | None = None
    corporate_name: str | None = None
    corporate_document: str | None = None


class OrderItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    line_id: str | None = None
    sku: str | None = None
    product_id: str | None = None
    name: str | None = None
    seller: str | None = None
    quantity: int | None = None
    unit_price_minor: int | None = None
    list_price_minor: int | None = None
    total_minor: int | None = None
    is_gift: bool | None = None


class Payment(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str | None = None
    group: str | None = None
    value_minor: int | None = None
    installments: int | None = None


StatusClass = Literal["created", "pending", "approved", "handling", "invoiced", "canceled", "replaced", "unknown"]


class OrderRecord(Record):
    """One order. `status` is the source's own word; `status_class` our small set of them."""

    PERSONAL: ClassVar[frozenset[str]] = frozenset({"buyer", "shipping_address", "cancel_reason"})

    status: str | None = None
    status_class: StatusClass = "unknown"
    currency: str | None = None
    total_minor: int | None = None
    items_minor: int | None = None
    discounts_minor: int | None = None
    shipping_minor: int | None = None
    tax_minor: int | None = None
    sequence: str | None = None
    order_group: str | None = None
    origin: str | None = None
    sales_channel: str | None = None
    is_completed: bool | None = None
    has_workflow_error: bool | None = None
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    canceled_at: datetime | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    coupon: str | None = None
    items: tuple[OrderItem, ...] = ()
    payments: tuple[Payment, ...] = ()
    sellers: tuple[str, ...] = ()
    buyer: Buyer | None = None
    shipping_address: Address | None = None
    cancel_reason: str | None = None


class CustomerRecord(Record):
    """One customer profile at one source."""

    PERSONAL: ClassVar[frozenset[str]] = frozenset(
        {
            "profile_id", "email", "phones", "document_type", "document", "first_name", "last_name", "gender",
            "birth_date", "corporate_name", "trade_name", "corporate_document", "addresses",
        }
    )  # fmt: skip

    is_corporate: bool | None = None
    accepts_marketing: bool | None = None
    locale: str | None = None
    customer_class: str | None = None
    profile_id: str | None = None
    email: str | None = None
    phones: tuple[str, ...] = ()
    document_type: str | None = None
    document: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    gender: str | None = None
    birth_date: date | None = None
    corporate_name: str | None = None
    trade_name: str | None = None
    corporate_document: str | None = None
    addresses: tuple[Address, ...] = ()


SpendLevel = Literal["campaign", "ad_group"]


class AdSpendRecord(BaseModel):
    """One day's figures of one campaign, or of one of its ad groups (ad sets), as the platform reports it.

    No version of its own and nothing personal: windows of days are read again and replaced whole. `level`: the same
    money stands in rows of either level, so sums are of one. `day`: the account's own, in `time_zone` where the report
    says it. `conversions_micros`: millionths, since platforms count parts of conversions. `value_minor`: what the
    conversions were worth, as the platform says. Corrections make figures negative.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: date
    account_id: str
    level: SpendLevel
    campaign_id: str
    ad_group_id: str | None = None
    campaign_name: str | None = None
    ad_group_name: str | None = None
    currency: str
    time_zone: str | None = None
    cost_minor: int
    impressions: int
    clicks: int
    conversions_micros: int
    value_minor: int


RecordStream = Literal["orders", "customers"]
ReportStream = Literal["ad_spend"]  # what is no object with a version: rows of a window
StreamName = Literal["orders", "customers", "ad_spend"]  # all that a run may have: both of the above
ModelT = TypeVar("ModelT", CustomerRecord, Address)


def make_checked(kind: type[ModelT], values: dict[str, Any]) -> ModelT:
    """What the model's constructor would make of `values`, without looking at each: for a mapper that has read every
    one of them as its type. `values` holds all fields, in their order, and is not used again by the caller."""
    record = kind.__new__(kind)
    set_attribute = object.__setattr__
    set_attribute(record, "__dict__", values)
    set_attribute(record, "__pydantic_fields_set__", _list_names(kind))
    set_attribute(record, "__pydantic_extra__", None)
    set_attribute(record, "__pydantic_private__", None)
    return record


@cache
def _list_names(kind: type[BaseModel]) -> set[str]:
    # One set for all: the models are frozen, and a copy of a record copies it.
    return set(kind.model_fields)

"""What is true of every object of an account, page by page, to compare a whole sync with. It makes no document."""

from typing import Any

from scripts.sandbox.customer_book import CustomerBook
from scripts.sandbox.order_book import OrderBook
from scripts.sandbox.orders import write_order_id
from scripts.sandbox.store import Store
from scripts.sandbox.times import from_us

PAGE_MAX = 50_000


def list_fingerprints(store: Store, kind: str, after: int, limit: int) -> dict[str, Any]:
    """`{total, rows, next}`, oldest first: `next` is the following page's `after`, None at the end. `total` and rows
    hold deleted customers, too. Raises ValueError for an unknown kind."""
    if kind not in ("order", "customer"):
        raise ValueError("kind: order or customer")
    book: OrderBook | CustomerBook = store.orders if kind == "order" else store.customers
    end = min(after + min(limit, PAGE_MAX), book.end)
    show = _show_order if isinstance(book, OrderBook) else _show_customer
    rows = [show(book, ordinal) for ordinal in range(after, end) if book.has(ordinal)]  # type: ignore[arg-type]
    return {"total": len(book), "rows": rows, "next": end if end < book.end else None}


def _show_order(book: OrderBook, ordinal: int) -> dict[str, Any]:
    kept = book.kept.get(ordinal)
    changed_us = book.changed[ordinal]
    return {
        "external_id": write_order_id(book.numbers[ordinal]),
        "source_updated_at": (kept.now.changed_at if kept else from_us(changed_us)).isoformat(timespec="microseconds"),
        "created_at": from_us(book.created[ordinal]).isoformat(timespec="microseconds"),
        "status": kept.status if kept else book.read_stocked_status(ordinal),
        "total_minor": kept.total_minor if kept else book.read_stocked_total(ordinal),
        "deleted": False,
    }


def _show_customer(book: CustomerBook, ordinal: int) -> dict[str, Any]:
    customer = book.at(ordinal)
    return {
        "external_id": customer.document_id,
        "source_updated_at": customer.updated_at.isoformat(timespec="microseconds"),
        "created_at": customer.created_at.isoformat(timespec="microseconds"),
        "status": None,
        "total_minor": None,
        "deleted": customer.is_deleted,
    }

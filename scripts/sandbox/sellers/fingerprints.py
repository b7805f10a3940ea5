"""What is true of every order of a seller, page by page, to compare what is stored with. It makes no document."""

from typing import Any

from scripts.sandbox.sellers.sale_book import ORDERS, SaleBook
from scripts.sandbox.sellers.sites import find_site
from scripts.sandbox.sellers.texts import find_total
from scripts.sandbox.times import from_us

PAGE_MAX = 50_000


def list_fingerprints(book: SaleBook, site_id: str, after: int, limit: int) -> dict[str, Any]:
    """`{total, rows, next}`, oldest first: `next` is the following page's `after`, None at the end.

    An order's stamp and its shipment's are two: which one a reader holds depends on what it read.
    """
    end = min(after + min(limit, PAGE_MAX), len(book))
    site = find_site(site_id)
    rows = []
    for ordinal in range(after, end):
        standing = book.standing_of(ordinal)
        rows.append(
            {
                "external_id": str(ORDERS + book.numbers[ordinal]),
                "created_at": _write(book.created[ordinal]),
                "source_updated_at": _write(standing.order_changed_us),
                "shipment_updated_at": _write(standing.shipment_changed_us),
                "status": standing.order_status,
                "shipment_status": standing.shipment_status,
                "is_refunded": standing.find("refunded") is not None,
                "total_minor": find_total(book.seed_of(ordinal), site),
                "deleted": False,
            }
        )
    return {"total": len(book), "rows": rows, "next": end if end < len(book) else None}


def _write(moment_us: int) -> str:
    return from_us(moment_us).isoformat(timespec="milliseconds")

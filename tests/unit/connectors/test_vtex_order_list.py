"""Pages of VTEX's order list."""

from app.connectors.listing import Listing
from app.connectors.vtex.order_list import PAGE_ROWS, ListPage


def test_a_row_whose_id_cannot_be_kept_makes_no_page_the_last_one() -> None:
    listings = [Listing(f"{number}-01", "") for number in range(PAGE_ROWS - 1)]
    assert ListPage(listings, None, unnamed=1).has_next(1)
    assert not ListPage(listings, None).has_next(1)
    assert ListPage((), PAGE_ROWS + 1, unnamed=PAGE_ROWS).has_next(1)
    assert not ListPage((), PAGE_ROWS + 1).has_next(1)

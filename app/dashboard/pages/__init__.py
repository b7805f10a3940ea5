"""Every page there is: one module per area, and the list of all."""

from app.dashboard.page import Page
from app.dashboard.pages import home, session

PAGES: tuple[Page, ...] = (
    *home.PAGES,
    *session.PAGES,
)

"""The cast of the API's tests, for a running process."""

from tests.integration.api.conftest import cast, office

__all__ = ["cast", "office"]

"""VTEX documents as provider-neutral records: the one place where the mapper's version stands.

Raise MAPPER_VERSION whenever the same document would become a different record: it is part of a record's version,
and a newer mapper's reading of equal stamps wins.
"""

from app.connectors.vtex.customer import map_customer
from app.connectors.vtex.order import map_order

MAPPER_VERSION = 2

__all__ = ["MAPPER_VERSION", "map_customer", "map_order"]

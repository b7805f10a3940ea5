"""MercadoLibre documents as provider-neutral records: the one place where the mapper's version stands.

Raise MAPPER_VERSION whenever the same document would become a different record.
"""

from app.connectors.mercadolibre.order import map_order

MAPPER_VERSION = 1

__all__ = ["MAPPER_VERSION", "map_order"]

"""MercadoLibre's sites: one a country, with a host of its own where a seller authorises an application.

The API's host is the same for all. Source: GET /sites, and the developer portal; Cuba's site has no such host.
"""

from typing import NamedTuple


class Site(NamedTuple):
    """`country`: ISO 3166. `currency`: what is charged there, if an order does not say another."""

    country: str
    currency: str
    auth_host: str


_SITES = {
    "MLA": Site("AR", "ARS", "auth.mercadolibre.com.ar"),
    "MLB": Site("BR", "BRL", "auth.mercadolivre.com.br"),
    "MLM": Site("MX", "MXN", "auth.mercadolibre.com.mx"),
    "MLC": Site("CL", "CLP", "auth.mercadolibre.cl"),
    "MCO": Site("CO", "COP", "auth.mercadolibre.com.co"),
    "MLU": Site("UY", "UYU", "auth.mercadolibre.com.uy"),
    "MPE": Site("PE", "PEN", "auth.mercadolibre.com.pe"),
    "MLV": Site("VE", "VES", "auth.mercadolibre.com.ve"),
    "MEC": Site("EC", "USD", "auth.mercadolibre.com.ec"),
    "MBO": Site("BO", "BOB", "auth.mercadolibre.com.bo"),
    "MPY": Site("PY", "PYG", "auth.mercadolibre.com.py"),
    "MGT": Site("GT", "GTQ", "auth.mercadolibre.com.gt"),
    "MPA": Site("PA", "PAB", "auth.mercadolibre.com.pa"),
    "MRD": Site("DO", "DOP", "auth.mercadolibre.com.do"),
    "MCR": Site("CR", "CRC", "auth.mercadolibre.co.cr"),
    "MHN": Site("HN", "HNL", "auth.mercadolibre.com.hn"),
    "MSV": Site("SV", "USD", "auth.mercadolibre.com.sv"),
    "MNI": Site("NI", "NIO", "auth.mercadolibre.com.ni"),
}
SITES = tuple(_SITES)


def find_site(site_id: str) -> Site:
    """Raises KeyError for a site that nobody can be authorised at."""
    return _SITES[site_id]

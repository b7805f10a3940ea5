"""Network addresses as limits count them."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

_CHARS_MAX = 64  # what is no address comes from a proxy that we trust, and is still no reason for a long key


def group_address(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 of an IPv6 one, which is what one line is given whole.
    What is no address stays as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:_CHARS_MAX]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), 64), strict=False))


def coarsen_address(address: str) -> str:
    """The network that an address lies in: the /24 of an IPv4 one, the /48 of an IPv6 one. It tells one company's calls
    from another's and names nobody. What is no address is told as nothing."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(IPv6Network((int(parsed), 48), strict=False))
        parsed = parsed.ipv4_mapped
    return str(IPv4Network((int(parsed), 24), strict=False))

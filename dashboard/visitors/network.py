"""Which network address a visitor comes from, for limits that a new cookie does not evade.

Only public addresses count: all others may be those of a proxy or a container's gateway, behind which everybody is. The address
is that of the connection, or, where it comes from a proxy that the operator has named in CROSSCHECK_PROXIES, the one that this
proxy has added to X-Forwarded-For: whatever stands before it was written by the visitor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

PROXIES_VARIABLE = "CROSSCHECK_PROXIES"
FORWARDED = "x-forwarded-for"
IPV6_PREFIX = 64
"""Bits of an IPv6 address that name a household or a server; the rest its holder chooses at will."""

Network = IPv4Network | IPv6Network


def proxies_of(environment: Mapping[str, str]) -> tuple[Network, ...]:
    """The addresses of the operator's proxies. Raises ValueError."""
    found = []
    for part in filter(None, (part.strip() for part in environment.get(PROXIES_VARIABLE, "").split(","))):
        try:
            found.append(ip_network(part))
        except ValueError:
            raise ValueError(
                f"{PROXIES_VARIABLE} has '{part[:60]}'; use addresses or networks such as 10.0.0.0/8, separated by commas"
            ) from None
    return tuple(found)


def network_of(peer: str | None, forwarded: str, proxies: Collection[Network]) -> str:
    """The network of the visitor: an IPv4 address, or the first 64 bits of an IPv6 one; empty where it is not known."""
    hops = [*forwarded.split(","), peer or ""]
    while hops:
        address = _address(hops.pop())
        if address is None:
            return ""
        if not any(address.version == proxy.version and address in proxy for proxy in proxies):
            if not address.is_global:
                return ""
            return str(address) if address.version == 4 else str(ip_network((int(address), IPV6_PREFIX), strict=False))
    return ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

"""Decides which addresses may be contacted: public ones only, unless a test allows the loopback."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

ALLOW_LOOPBACK_VARIABLE = "CROSSCHECK_ALLOW_LOOPBACK"
"""Environment switch for tests: 1 allows URLs that lead to this machine."""

NON_PUBLIC = [
    ipaddress.ip_network(network)
    for network in ("2001::/32", "2002::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24", "100.64.0.0/10")
]
"""Networks that Python (in some versions) calls global, although they lead to, or carry, private addresses."""

UNICAST = ipaddress.ip_network("2000::/3")
"""The range of all public IPv6 addresses; outside it, IPv4 addresses hide in many forms (::a.b.c.d, 64:ff9b::a.b.c.d)."""


def is_public(host: str, *, allow_loopback: bool = False) -> bool:
    """Whether the numeric address is on the public internet; anything but a numeric address is not."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if allow_loopback and address.is_loopback:
        return True
    in_listed = any(address.version == network.version and address in network for network in NON_PUBLIC)
    is_unicast = address in UNICAST if address.version == 6 else not address.is_multicast
    return address.is_global and is_unicast and not in_listed


def guard_connections(allow_loopback: bool, blocked: list[str]) -> None:
    """Let this process connect to public addresses only, from now on; refused ones are appended to `blocked`."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            return
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) and address and isinstance(address[0], str) else repr(address)
        if not is_public(host, allow_loopback=allow_loopback):
            blocked.append(host)
            raise PermissionError(f"connection to {host} is not allowed")

    sys.addaudithook(hook)

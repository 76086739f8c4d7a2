"""IP networks: which addresses lie in them, and which addresses are one sender's."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network
PREFIXES: Final = {4: (32, 24), 6: (64, 48)}
"""What is counted together by version: one sender's addresses (an IPv6 subscriber has a /64), and one site's."""


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks in CIDR notation, with commas.

    Raises:
        ValueError: one is none; the message names it.
    """
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


def is_among(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks; what is no IP address lies in none."""
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    return any(peer in network for network in networks)


def senders_of(address: str) -> tuple[str, str]:
    """The sender and the site of an address, as texts; what is no IP address is one sender, whatever it says."""
    try:
        peer = ip_address(address)
    except ValueError:
        return "unknown", "unknown"
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    narrow, wide = PREFIXES[peer.version]
    return tuple(str(ip_network((peer, bits), strict=False)) for bits in (narrow, wide))  # type: ignore[return-value]

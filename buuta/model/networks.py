"""IP networks: which addresses lie in them, and which addresses are one sender's."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
PREFIXES: Final = {4: (32, 24), 6: (64, 48)}
"""What is counted together by version: one sender's addresses (an IPv6 subscriber has a /64), and one site's."""
MAPPED_BITS: Final = 96
"""An IPv6 socket writes an IPv4 peer as ::ffff:203.0.113.9: so many bits stand before the IPv4 address."""


def read_address(text: str) -> Address | None:
    """An IP address, an IPv4 one however it is written; None for what is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def plain(text: str) -> str:
    """An address as its one text; what is no IP address stays as it is."""
    address = read_address(text)
    return text if address is None else str(address)


def read_network(text: str) -> Network:
    """A network in CIDR notation, an IPv4 one however it is written.

    Raises:
        ValueError: it is none; the message names it.
    """
    network = ip_network(text.strip())
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - MAPPED_BITS))


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks in CIDR notation, with commas.

    Raises:
        ValueError: one is none; the message names it.
    """
    return tuple(read_network(each) for each in text.split(",") if each.strip())


def is_among(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks; what is no IP address lies in none."""
    peer = read_address(address)
    return peer is not None and any(peer in network for network in networks)


def senders_of(address: str) -> tuple[str, str]:
    """The sender and the site of an address, as texts; what is no IP address is one sender, whatever it says."""
    peer = read_address(address)
    if peer is None:
        return "unknown", "unknown"
    narrow, wide = PREFIXES[peer.version]
    return tuple(str(ip_network((peer, bits), strict=False)) for bits in (narrow, wide))  # type: ignore[return-value]

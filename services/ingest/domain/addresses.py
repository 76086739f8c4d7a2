"""Where carriers are asked: addresses without passwords in them, and not those of our own house."""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from buuta.errors import BadItem

SECRET: Final = "{secret}"  # noqa: S105 - a place for one
"""Stands in an address for the key that lies sealed."""
SECRET_NAMES: Final = re.compile(
    r"secret|passw|pwd|token|api.?key|access.?key|auth|credential|signature|^(key|sig|pass|jwt)\Z",
    re.IGNORECASE,
)
TRANSLATED: Final = IPv6Network("64:ff9b::/96")
LONGEST: Final = 2_000
NEAR: Final = "the address leads to this machine or its own networks; BUUTA_INGEST_POLL_NEAR allows that"


def checked(url: str) -> str:
    """An address to ask at.

    Raises:
        BadItem: no address of HTTP, or one with a secret in it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _invalid("it cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _invalid("it begins with http:// or https:// and a host")
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise _invalid(f"it has at most {LONGEST} characters of ASCII and no spaces")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _secret("before the host, or after #")
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if SECRET_NAMES.search(name) and value != SECRET:
            raise _secret(f"in {name[:40]}")
    return url


def _invalid(why: str) -> BadItem:
    return BadItem("url_invalid", f"this is no address to ask at: {why}", "url")


def _secret(where: str) -> BadItem:
    return BadItem(
        "url_holds_secret",
        f"the address seems to hold a secret {where}: give it by --secret-file, which is kept encrypted; "
        f"where the carrier wants it in the address, write {SECRET} in its place",
        "url",
    )


def shown(url: str) -> str:
    """An address as lists and logs may show it, also one that was kept before secrets were refused."""
    parts = urlsplit(url)
    query = [
        (name, value if value == SECRET or not SECRET_NAMES.search(name) else "***")
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(query, safe="{}*"), ""))


def with_secret(url: str, secret: str) -> str:
    """The address with the key in its place."""
    return url.replace(SECRET, quote(secret, safe=""))


def is_near(address: str) -> bool:
    """Whether an IP address is of this machine, this network or nobody in particular, however it is written."""
    found = ip_address(address.partition("%")[0])
    inner = _inside(found) if isinstance(found, IPv6Address) else None
    return not found.is_global or found.is_multicast or (inner is not None and is_near(str(inner)))


def _inside(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is written as one of IPv6, or reached through it."""
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)

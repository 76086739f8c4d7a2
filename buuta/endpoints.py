"""Addresses in settings: checked when they are read, and printed without their passwords."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, PostgresDsn

from buuta.model.networks import read_networks

HIDDEN: Final = "**********"
MOST_PORT: Final = 65_535
_HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_PORT: Final = r"(?::(?P<port>[0-9]{1,5}))?"
HOST: Final = re.compile(rf"{_HOST}|[0-9A-Fa-f:.]+")
SERVER: Final = re.compile(rf"{_HOST}{_PORT}")
WEB: Final = re.compile(rf"https?://(?:[!\"$-.0-9:;<=>A-~]+@)?{_HOST}{_PORT}(?:[/?][!-?A-~]*)?")
"""A user and a password may come first; a second `@` is one of them that is not written %40."""
TOPIC: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}")
"""A name that Kafka takes."""
PRINTED: Final = re.compile(
    r"([a-z][a-z0-9+.-]*://)(?:[^/?#@]*@)?([^/?#@]*(?:/[^?#@]*)?)(?:[?#][^@]*)?", re.DOTALL
)
"""An address: what is printed of it is scheme, hosts with their ports, and path. With an `@` behind these nobody
knows what is a host and what a password."""
WORDS: Final = re.compile(r"[^:@=]*|[^:=]*@[^:@=]*|[^@=]*")
"""What is printed as it is: neither `user:password@` nor `name=value` stands in it."""


def masked(text: str) -> str:
    """A setting as it may be printed: of an address scheme, hosts, ports and path, and no unknown words."""
    if "://" in text:
        found = PRINTED.fullmatch(text)
        return "".join(found.groups()) if found else HIDDEN
    return text if WORDS.fullmatch(text) else HIDDEN


def _fits(pattern: re.Pattern[str], text: str) -> bool:
    found = pattern.fullmatch(text)
    return found is not None and int(found["port"] or 0) <= MOST_PORT


def _servers(text: str) -> str:
    servers = [each.strip() for each in text.split(",")]
    if not all(_fits(SERVER, each) for each in servers):
        raise ValueError("servers are written host:port, with commas between them and no user or password")
    return ",".join(servers)


def _host(text: str) -> str:
    if not HOST.fullmatch(text):
        raise ValueError("a host is a name or an IP address, without scheme, port, user or password")
    return text


def _web(text: str) -> str:
    if not _fits(WEB, text):
        raise ValueError(
            "an address is written http://host:port/path or https://; in a user or password before the host, "
            "what is no letter or digit is written %20"
        )
    return text


def _public(text: str) -> str:
    if "@" in _web(text) or "?" in text:
        raise ValueError("an address that everybody sees has no user, password or parameters")
    return text


def _database(dsn: PostgresDsn) -> PostgresDsn:
    if dsn.fragment is not None or "@" in f"{dsn.path}{dsn.query}":
        raise ValueError(
            "in a user or password, what is no letter or digit is written %23 (#), %2F (/), %3F (?), %40 (@)"
        )
    return dsn


def _topic(text: str) -> str:
    if not TOPIC.fullmatch(text):
        raise ValueError("a topic has a name of at most 249 letters, digits or . _ -")
    return text


def _networks(text: str) -> str:
    try:
        read_networks(text)
    except ValueError:
        raise ValueError(
            "networks are written 10.0.0.0/8, with commas between them and no bits set behind the mask"
        ) from None
    return text


Servers = Annotated[str, AfterValidator(_servers)]
Host = Annotated[str, AfterValidator(_host)]
WebAddress = Annotated[str, AfterValidator(_web)]
PublicAddress = Annotated[str, AfterValidator(_public)]
Topic = Annotated[str, AfterValidator(_topic)]
Database = Annotated[PostgresDsn, AfterValidator(_database)]
Networks = Annotated[str, AfterValidator(_networks)]

"""Telephones and e-mail addresses: which are some, and when two spellings are one."""

import re
from typing import Final

PHONE: Final = "[+][1-9][0-9]{7,14}"
_ATOM: Final = "[A-Za-z0-9_%+-]+"
_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP: Final = "([A-Za-z]{2,63}|[Xx][Nn]--[A-Za-z0-9-]{0,58}[A-Za-z0-9])"
EMAIL: Final = rf"{_ATOM}([.]{_ATOM})*@({_LABEL}[.])+{_TOP}"
"""RFC 5321 without what no mailbox of a recipient has: quoted parts, addresses of numbers, names without a dot."""
LONGEST_LOCAL: Final = 64
TRUNK: Final = re.compile("([+]84)0+")
"""The zero that is dialled within Vietnam; nobody's number begins with it after the country's code."""


def is_phone(text: str) -> bool:
    """Whether it is a telephone number in E.164, and still one without a trunk zero."""
    return all(re.fullmatch(PHONE, each) for each in (text, one_spelling(text)))


def is_email(text: str) -> bool:
    """Whether it is an e-mail address that mail can be sent to."""
    return len(text.partition("@")[0]) <= LONGEST_LOCAL and re.fullmatch(EMAIL, text) is not None


def one_spelling(address: str) -> str:
    """A telephone or an e-mail address as all its spellings are kept: no trunk zero, no capitals."""
    return address.lower() if "@" in address else TRUNK.sub(r"\1", address, count=1)


def one_mailbox(address: str) -> str:
    """As `one_spelling`, and what is behind a plus counts for the mailbox that it is sorted in."""
    local, at, domain = one_spelling(address).rpartition("@")
    return f"{local.split('+')[0] or local}{at}{domain}" if at else domain

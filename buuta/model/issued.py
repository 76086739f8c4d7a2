"""Forms of tracking numbers as carriers issue them: whatever else could be read in such a number, it is one.

A line is added for a carrier whose numbers the general shape refuses (docs/decisions/0072). Each is of letters and
digits at their places and of a length, so that no telephone number passes with it that is none of the carrier's.
"""

import re
from typing import Final, NamedTuple


class Form(NamedTuple):
    """Whose numbers look like that, in upper case and without spaces."""

    carrier: str
    pattern: str


ISSUED: Final = (
    Form("posts: UPU S10", "[A-Z]{2}[0-9]{9}[A-Z]{2}"),
    Form("J&T Express Vietnam", "8[0-9]{11}"),
    Form("GHTK", r"S[0-9]{1,9}\.[A-Z]{1,5}[0-9]{1,3}(?:[.-][A-Z]{0,3}[0-9]{1,3}){0,3}\.[1-9][0-9]{5,9}"),
    Form("SPX Vietnam", "SPXVN[0-9]{11}[0-9A-Z]"),
    Form("Ninja Van", "N[A-Z](?:VN|SG|MY|TH|PH|ID)[A-Z]{5}[0-9]{9}"),
    Form("UPS", "1Z[0-9A-Z]{8}[0-9]{8}"),
    Form("DHL, Yodel", "J(?:JD|D|VGL)[0-9]{10,20}"),
    Form("UUID", "[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"),
)
_ANY: Final = re.compile("|".join(form.pattern for form in ISSUED))


def is_issued(number: str) -> bool:
    """Whether a number, normalised, has a form of the table."""
    return _ANY.fullmatch(number) is not None

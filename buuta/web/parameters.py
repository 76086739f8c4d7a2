"""What stands in paths and queries, typed once for every route: what does not fit is a 422 and never a query.

Every text that reaches PostgreSQL or a path has an alphabet, or at least no NUL and a length; every number and day
has a range in which all arithmetic that follows stays possible.
"""

from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import AfterValidator, Field

from buuta.errors import BadItem
from buuta.model.identifiers import CARRIER, normalise_number

PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"
"""Any text but control characters, among them NUL, which PostgreSQL cannot hold."""
MOST_BIGINT: Final = 2**63 - 1


def carrier_code(raw: str) -> str:
    """A carrier's code in its one spelling.

    Raises:
        ValueError: no carrier can have it.
    """
    code = raw.lower()
    if not CARRIER.fullmatch(code):
        raise ValueError("a carrier's code has 2 to 16 letters and digits")
    return code


def tracking_number(raw: str) -> str:
    """A tracking number in its one spelling.

    Raises:
        ValueError: no parcel can have it.
    """
    try:
        return normalise_number(raw)
    except BadItem as bad:
        raise ValueError(str(bad)) from None


Plain = Annotated[str, Field(min_length=1, max_length=100, pattern=PLAIN)]
Carrier = Annotated[str, Field(max_length=20), AfterValidator(carrier_code)]
Number = Annotated[str, Field(max_length=100), AfterValidator(tracking_number)]

CarrierPath = Annotated[Carrier, Path(description="A carrier's code, such as ghn.", examples=["ghn"])]
CarrierQuery = Annotated[Carrier, Query(description="A carrier's code, such as ghn.")]
NumberPath = Annotated[
    Number, Path(description="A tracking number, in upper or lower case.", examples=["Z82BS"])
]
CodePath = Annotated[Plain, Path(description="A raw code, as it came.")]
CodeQuery = Annotated[Plain, Query(description="A raw code, as it came.")]
RecordPath = Annotated[int, Path(ge=1, le=MOST_BIGINT)]
Cursor = Annotated[int, Query(ge=0, le=MOST_BIGINT, description="The last number of the page before.")]

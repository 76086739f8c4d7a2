"""Numbers of a text that have lost digits: `1.68406E+12` is a spreadsheet's, and another parcel's than it was."""

from typing import Final

FEW_DIGITS: Final = 6
"""So many digits are shown by what rounds; a smaller exponent leaves none to be cut off."""
LONGEST_EXPONENT: Final = 4


class Rounded(float):
    """A number that was written with fewer digits than it has: which were cut off is not known."""


def read_fraction(digits: str) -> float:
    """A number of JSON that is no integer."""
    mantissa, marked, exponent = digits.lower().partition("e")
    if not marked or len(exponent) > LONGEST_EXPONENT or int(exponent) <= FEW_DIGITS:
        return float(digits)
    shown = len(mantissa.lstrip("-").replace(".", ""))
    return Rounded(digits) if shown <= int(exponent) else float(digits)

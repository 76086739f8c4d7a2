"""What guards find and nobody has mended yet: each entry has an owner, and goes when the code is mended.

An entry whose test no longer shows it fails that test: so the list can only shrink.
"""

from typing import Final, NamedTuple


class Known(NamedTuple):
    """A place that breaks a rule, who mends it, and a test that shows it (the end of its node id)."""

    rule: str
    where: str
    owner: str
    test: str


KNOWN: Final[tuple[Known, ...]] = ()

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


KNOWN: Final[tuple[Known, ...]] = (
    Known(
        "connection taken while one is held",
        "buuta/streaming/worker.py:_fence",
        "fold",
        "test_idea_2_a_zombie_frozen_inside_its_transaction_is_cut_off",
    ),
)

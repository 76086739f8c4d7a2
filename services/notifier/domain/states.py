"""The life of a message.

    queued ──commit──> submitting ──answer──> sent
      │ ^                 │    │               failed
      │ ├──try again──────┘    └──crash──> in_doubt
      │ └──not reached────┘
      └──not true, no news, overtaken──> withdrawn, expired, overtaken

What is too much for its recipient, parcel or shipper is `held` instead of `queued` until an operator lets it go.

A message is tried by who holds its lane (`lanes.py`): one at a time per parcel, channel and recipient. Only
what was `submitting` when its worker died is `in_doubt`: it may or may not have reached the provider, so it is
listed and by default not sent again. What was only claimed is queued all the time, and its lane comes back.
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    SENT = "sent"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    WITHDRAWN = "withdrawn"
    OVERTAKEN = "overtaken"
    EXPIRED = "expired"
    HELD = "held"


UNSENT: Final = frozenset({State.WITHDRAWN, State.OVERTAKEN, State.EXPIRED})
"""Ends of messages that were not tried, or not tried again, since they would not have been true or of use."""


class Fate(StrEnum):
    """What a provider's answer, or the lack of one, means.

    `away`: it did not answer for this message, and has not got it. That is the channel's state: no attempt of the
    message's. `unknown`: it may have got it.
    """

    ACCEPTED = "accepted"
    TRY_AGAIN = "try_again"
    REFUSED = "refused"
    AWAY = "away"
    UNKNOWN = "unknown"

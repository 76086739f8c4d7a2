"""The life of a message.

    queued ──claim──> claimed ──commit──> submitting ──answer──> sent
      ^                  │                    │                  failed
      │  lease expired   │                    ├──try again──> queued
      └──────────────────┘                    └──crash──> in_doubt

What is too much for its recipient, parcel or shipper is `held` instead of `queued` until an operator lets it go.

Only what was `submitting` when its worker died is `in_doubt`: it may or may not have reached the
provider, so it is listed and by default not sent again.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SUBMITTING = "submitting"
    SENT = "sent"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    WITHDRAWN = "withdrawn"
    HELD = "held"


class Fate(StrEnum):
    """What a provider's answer, or the lack of one, means."""

    ACCEPTED = "accepted"
    TRY_AGAIN = "try_again"
    REFUSED = "refused"
    UNKNOWN = "unknown"

"""What every sender stands on, and the report of how a message ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buuta.contracts.codec import Codec
from buuta.model.identifiers import split_key
from buuta.storage import outbox
from buuta.storage.vault import Vault
from services.notifier.domain.states import UNSENT, State
from services.notifier.settings import NotifierSettings


@dataclass(frozen=True)
class Office:
    """Pool, vault, codec and settings."""

    pool: Any
    vault: Vault
    codec: Codec
    settings: NotifierSettings

    async def report(self, con: Any, ended: Mapping[str, Any], state: State) -> None:
        """Put the outcome of a message into the outbox, in the transaction that wrote it.

        What was not sent since it was no use any more reads as failed, and `unsent` says why.
        """
        carrier, number = split_key(ended["parcel_key"])
        outcome = {
            "message_id": str(ended["message_id"]), "carrier": carrier, "number": number,
            "kind": ended["kind"], "ordinal": ended["ordinal"], "channel": ended["channel"],
            "fate": (State.FAILED if state in UNSENT else state).value, "provider_code": ended["provider_code"],
            "attempts": ended["attempts"], "decided_at": round(ended["decided_at"].timestamp() * 1000),
            "unsent": state.value if state in UNSENT else None,
        }  # fmt: skip
        value = self.codec.encode("NotificationOutcome", outcome)
        await outbox.put(con, self.settings.notifications_topic, ended["parcel_key"].encode(), value)

"""What `aiosmpplib` does not read, or reads wrongly: headers of answers, and statuses that are not in its list.

SMPP 3.4, 3.2 (header) and 5.1.3 (statuses: 0x400 to 0x4FF are the SMSC vendor's own, others are reserved).
"""

import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple

from aiosmpplib.state import SmppCommand, SmppCommandStatus

HEADER: Final = struct.Struct("!IIII")
ANSWERS: Final = frozenset({0x80000004, 0x80000000})
"""submit_sm_resp and generic_nack."""
OK: Final = 0
TEMPORARY: Final = frozenset(
    {
        SmppCommandStatus.ESME_RTHROTTLED, SmppCommandStatus.ESME_RMSGQFUL, SmppCommandStatus.ESME_RSYSERR,
        SmppCommandStatus.ESME_RX_T_APPN, SmppCommandStatus.ESME_RDELIVERYFAILURE,
        SmppCommandStatus.ESME_RUNKNOWNERR,
    }
)  # fmt: skip
"""What may go well later. All other errors that SMPP names are for good."""
THROTTLING: Final = frozenset({SmppCommandStatus.ESME_RTHROTTLED, SmppCommandStatus.ESME_RMSGQFUL})
"""What the SMSC says of the session's pace."""
NAMED: Final = {status.value: status.name for status in SmppCommandStatus}


class Answer(NamedTuple):
    """The SMSC's answer to a submission, by the number of its request."""

    sequence: int
    status: int


def answer_in(pdu: bytes) -> Answer | None:
    """The answer to a submission that a PDU is, whatever its body; None where it is none."""
    _, command, status, sequence = HEADER.unpack_from(pdu)
    return Answer(sequence, status) if command in ANSWERS else None


def name_of(status: int) -> str:
    """The name of a status in SMPP 3.4, or its number."""
    return str(NAMED.get(status, f"0x{status:08X}"))


def is_temporary(status: int) -> bool:
    """Whether a submission may be taken later; of a status that SMPP does not name nobody knows, so it is tried."""
    return status in TEMPORARY or status not in NAMED


def _unnamed(kind: type[IntEnum], value: object) -> Any:
    """A number that the library does not name, as it would be one of its own.

    Its enumerations refuse it, which would end the session with all that others wait for.
    """
    if not isinstance(value, int) or not 0 <= value < 1 << 32:
        return None
    made = int.__new__(kind, value)
    made._name_, made._value_ = f"0x{value:08X}", value
    return made


def accept_what_is_unnamed() -> None:
    """Let the library read every status, and pass over every command that it does not know."""
    for kind in (SmppCommandStatus, SmppCommand):
        kind._missing_ = classmethod(_unnamed)

"""What decodes and PostgreSQL cannot hold, found by looking at columns: a dead letter at once, and not by trial.

Trial finds whatever else cannot be stored (`buuta/streaming/pieces.py`), at some milliseconds an attempt; this
takes half of one for a chunk, so a third of a chunk may be rubbish and costs nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from buuta.contracts.columns import Decoded, Group

NUL: Final = "\0"
LONGEST: Final = 500
"""Bytes of a text. An entry of an index takes 2,704, and the widest key (`rate_cells`) has four texts; a
registration that holds a longer one would be stored, and every scan that counts by it be refused."""
HEX: Final = "^([0-9a-f]{2})+$"
SMALLEST, LARGEST = -(2**15), 2**15 - 1
Unfit = Callable[[Any], Any]
"""Which values of a column cannot be stored, as a column of flags; None where a quick look says that all can."""


def _holds_nul(column: Any) -> Any | None:
    """Texts with a NUL; the look at all bytes of the column at once is what nearly every column costs."""
    data = column.buffers()[2]
    if data is None or b"\0" not in data.to_pybytes():
        return None
    return pc.match_substring(column, NUL)


def _is_long(column: Any) -> Any | None:
    if column.nbytes <= LONGEST:
        return None
    return pc.greater(pc.binary_length(column), LONGEST)


def _no_hex(column: Any) -> Any | None:
    if column.null_count == len(column):
        return None
    return pc.invert(pc.match_substring_regex(column, HEX))


def _no_smallint(column: Any) -> Any | None:
    return pc.or_(pc.less(column, SMALLEST), pc.greater(column, LARGEST))


BY_NAME: Final[Mapping[str, tuple[Unfit, str]]] = {
    "event_id": (_no_hex, "is not written in hexadecimal, in small letters"),
    "corrects_event_id": (_no_hex, "is not written in hexadecimal, in small letters"),
    "offset_minutes": (_no_smallint, "is no small integer"),
}


def set_aside_unstorable(decoded: Decoded) -> Decoded:
    """The chunk with the records among the dead that PostgreSQL cannot hold."""
    groups, dead = list[Group](), dict(decoded.dead)
    for group in decoded.groups:
        unfit = _unfit(group.batch)
        dead |= {group.places[row]: f"PostgreSQL cannot store it: {why}" for row, why in unfit.items()}
        if len(unfit) < len(group.places):
            groups.append(_without(group, unfit) if unfit else group)
    return Decoded(groups, dead)


def _unfit(batch: Any) -> dict[int, str]:
    """The rows that cannot be stored, each with the name of a field and what is wrong with it."""
    found: dict[int, str] = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        checks = [BY_NAME[field.name]] if field.name in BY_NAME else []
        if pa.types.is_string(field.type):
            checks += [(_holds_nul, "holds a NUL"), (_is_long, f"has more than {LONGEST} bytes")]
        for unfit, says in checks:
            flags = unfit(column)
            if flags is not None:
                found |= dict.fromkeys(pc.indices_nonzero(flags).to_pylist(), f"{field.name} {says}")
    return found


def _without(group: Group, unfit: Mapping[int, str]) -> Group:
    rows = [row for row in range(len(group.places)) if row not in unfit]
    return Group(group.schema, [group.places[row] for row in rows], group.batch.take(pa.array(rows)))

"""A record that a carrier produced, resolved to what is read of a `ScanEvent` (Avro 1.11, schema resolution).

Carriers write by schemas of their own time: one that is newer has symbols and fields that we do not know, and may
send a long where we have an int. What is ours to say (id, carrier, status, receipt) is not read at all, so it
cannot be wrong; of reasons and modes a symbol that we do not know is `unknown`, by Avro's own rule for enums with a
default. Anything else that does not resolve is this record's fault alone.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

import fastavro

from buuta.contracts.codec import Codec, resolve_datum
from buuta.contracts.extents import check_extent
from buuta.contracts.schemas import schema
from buuta.errors import BadItem, SchemaUnknown, Undecodable
from buuta.model.statuses import CorrectionKind, DeliveryMode, Direction, OffsetSource, Reason
from buuta.model.times import BusinessTime
from services.ingest.domain.iso import named, of_its_day
from services.ingest.domain.recipe import Report

NAME: Final = "ScanEvent"
OURS: Final = frozenset(
    {"event_id", "carrier", "status", "received_at", "door", "mapping_version", "reporter"}
)
"""What a carrier's record says of these is not believed, and so not read."""
UNKNOWN: Final = {"Reason": Reason.UNKNOWN.value, "DeliveryMode": DeliveryMode.UNKNOWN.value}


def read(codec: Codec, value: Any) -> Report:
    """A `ScanEvent` of a carrier's own as a report: its raw code is what counts, and its status is ours to say.

    Raises:
        BadItem: bytes that are none, or none that resolves to what we read.
    """
    try:
        written, start = codec.frame(value)
        if written.name != NAME:
            raise BadItem("record_not_scan", f"a {written.name[:60]} does not belong in this topic")
        datum = value[start:]
        check_extent(written, datum)
        return _report(resolve_datum(written, datum, reader()))
    except SchemaUnknown as unknown:
        raise BadItem("schema_unknown", str(unknown)) from None
    except Undecodable as wrong:
        raise BadItem("record_undecodable", str(wrong)) from None


def read_each(codec: Codec, values: Iterable[bytes]) -> dict[bytes, Report | BadItem]:
    """What each record says, or why it says nothing; for a thread, since what others wrote may take its time."""
    found: dict[bytes, Report | BadItem] = {}
    for value in values:
        try:
            found[value] = read(codec, value)
        except BadItem as bad:
            found[value] = bad
    return found


def told(found: Mapping[bytes, Report | BadItem], value: bytes) -> Report:
    """What was read of a record.

    Raises:
        BadItem: nothing was.
    """
    said = found[value]
    if isinstance(said, BadItem):
        raise said
    return said


def _report(said: Mapping[str, Any]) -> Report:
    reason, mode, kind = said["reason"], said["delivery_mode"], said["correction_kind"]
    return Report(
        number=said["number"], raw_code=said["raw_code"],
        time=_time(said),
        reason=Reason(reason) if reason else None, mode=DeliveryMode(mode) if mode else None,
        provisional=said["provisional"], facility=said["facility"] or None, province=said["province"] or None,
        commune=said["commune"] or None, attempt=said["attempt"], distance_bucket=said["distance_bucket"],
        proof_present=said["proof_present"], corrects=said["corrects_event_id"],
        correction=CorrectionKind(kind) if kind else None,
        direction=Direction(said["direction"]) if said["direction"] else None,
        partial_return=said["partial_return"], linked_number=said["linked_number"] or None,
    )  # fmt: skip


def _time(said: Mapping[str, Any]) -> BusinessTime:
    """When it happened; of a day alone its last millisecond, whichever the record names.

    Raises:
        BadItem: `time_out_of_range`, or a zone that is none.
    """
    source, minutes, zone = (
        OffsetSource(said["offset_source"]),
        said["offset_minutes"],
        said["zone"] or None,
    )
    made = BusinessTime(said["occurred_at"], minutes, source, said["day_only"], zone and named(zone))
    return replace(of_its_day(made), source=source) if made.day_only else made


@cache
def reader() -> Any:
    """The fields of a `ScanEvent` that are a carrier's to say, as wide as they may come."""
    definition = json.loads(schema(NAME).text)
    fields = [
        each | {"type": _wide(each["type"])} for each in definition["fields"] if each["name"] not in OURS
    ]
    return fastavro.parse_schema(definition | {"fields": fields})


def _wide(kind: Any) -> Any:
    """The type without its logical meaning, integers as longs, and enums with what stands for a new symbol."""
    if isinstance(kind, list):
        return [_wide(each) for each in kind]
    if isinstance(kind, dict):
        plain = {name: value for name, value in kind.items() if name != "logicalType"}
        if kind.get("name") in UNKNOWN:
            return plain | {"default": UNKNOWN[kind["name"]]}
        return plain if kind["type"] == "enum" else _wide(kind["type"])
    return "long" if kind == "int" else kind

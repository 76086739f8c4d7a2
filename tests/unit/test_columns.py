"""The column decoder against fastavro, the oracle."""

import io
from collections.abc import Iterable
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buuta.contracts.codec import Codec, SchemaIds
from buuta.contracts.columns import decode_chunk, encode_rows
from buuta.contracts.schemas import Schema, folder, parse, schema
from buuta.model.milestone import ParcelMilestone
from buuta.model.scan import Scan
from buuta.model.statuses import (
    CorrectionKind,
    DeliveryMode,
    Direction,
    DistanceBucket,
    Door,
    OffsetSource,
    Reason,
    Status,
)
from tests.scans import scan

TEXT = st.text(max_size=30)
LONG = st.integers(-(2**63), 2**63 - 1)
INT = st.integers(-(2**31), 2**31 - 1)


def symbols(kind: Any) -> st.SearchStrategy[str]:
    return st.sampled_from([str(each) for each in kind])


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


SCANS = st.builds(
    Scan,
    event_id=TEXT, carrier=TEXT, number=TEXT, status=symbols(Status), reason=maybe(symbols(Reason)),
    delivery_mode=maybe(symbols(DeliveryMode)), provisional=st.booleans(), corrects_event_id=maybe(TEXT),
    correction_kind=maybe(symbols(CorrectionKind)), occurred_at=LONG, offset_minutes=INT,
    offset_source=symbols(OffsetSource), received_at=LONG, facility=maybe(TEXT), province=maybe(TEXT),
    commune=maybe(TEXT), attempt=maybe(INT), distance_bucket=maybe(symbols(DistanceBucket)),
    proof_present=maybe(st.booleans()), raw_code=TEXT, door=symbols(Door), mapping_version=TEXT,
    reporter=maybe(TEXT), day_only=st.booleans(), zone=maybe(TEXT), direction=maybe(symbols(Direction)),
    partial_return=st.booleans(), linked_number=maybe(TEXT),
)  # fmt: skip
codec = Codec()


def encoded(scan: Scan) -> bytes:
    return codec.encode("ScanEvent", scan._asdict())


@settings(max_examples=300)
@given(st.lists(SCANS, min_size=1, max_size=20))
def test_columns_hold_what_fastavro_reads(scans: list[Scan]) -> None:
    """Nullable enums, unicode, empty texts, least and greatest numbers."""
    values = [encoded(scan) for scan in scans]
    decoded = decode_chunk(codec, values)
    oracle = [Scan(**codec.decode(value)[1]) for value in values]
    assert not decoded.dead
    assert [Scan(*row) for group in decoded.groups for row in group.rows(Scan._fields)] == oracle == scans


@settings(max_examples=200)
@given(st.lists(SCANS.map(encoded) | st.binary(max_size=40) | st.none(), max_size=12))
def test_a_record_that_cannot_be_read_costs_its_neighbours_nothing(values: list[bytes | None]) -> None:
    decoded = decode_chunk(codec, values)
    read = {place for group in decoded.groups for place in group.places}
    assert read | decoded.dead.keys() == set(range(len(values)))
    assert not read & decoded.dead.keys()
    for group in decoded.groups:
        for place, row in zip(group.places, group.rows(Scan._fields), strict=True):
            assert Scan(*row) == Scan(**codec.decode(values[place])[1])


def test_a_truncated_record_is_dead_with_a_reason_that_repeats_no_data() -> None:
    value = encoded(_plain())
    decoded = decode_chunk(codec, [value, value[:30], value])
    assert list(decoded.dead) == [1]
    assert "ScanEvent" in decoded.dead[1]
    assert "Z82BS" not in decoded.dead[1]


def _plain() -> Scan:
    return scan("delivered")


def test_a_record_of_another_topic_is_dead() -> None:
    decoded = decode_chunk(codec, [encoded(_plain())], {"ParcelMilestone"})
    assert decoded.dead == {0: "a ScanEvent does not belong in this topic"}


class Registry(SchemaIds):
    """A registry that gave our schemas numbers."""

    def id_of(self, name: str) -> int | None:
        return 7 if name == "ScanEvent" else None

    def schema_of(self, schema_id: int) -> Schema | None:
        return schema("ScanEvent") if schema_id == 7 else None

    async def learn(self, values: Iterable[bytes | None]) -> None:
        """It knows all that it will ever know."""


def test_readers_take_both_framings_and_keep_the_order_of_the_log() -> None:
    confluent = Codec(Registry())
    plain = _plain()
    both = [confluent.encode("ScanEvent", plain._asdict()), encoded(plain)]
    assert (both[0][:5], both[1][:2]) == (b"\x00\x00\x00\x00\x07", b"\xc3\x01")
    decoded = decode_chunk(confluent, both)
    assert sorted(place for group in decoded.groups for place in group.places) == [0, 1]
    assert decode_chunk(codec, both).dead == {0: "the schema registry's id 7 is not known here"}


def test_rows_are_encoded_as_single_records_are() -> None:
    row = ParcelMilestone("ghn:Z82BS#1", "ghn", "Z82BS", 1, "joined", "delivered", 1, "delivered", None,
                          "address", 5, 420, None, None, None, "e", 1, None, None)  # fmt: skip
    assert encode_rows(codec, "ParcelMilestone", [row]) == [codec.encode("ParcelMilestone", row._asdict())]


def test_what_an_older_writer_wrote_is_read_with_defaults_for_what_it_did_not_know() -> None:
    released = parse((folder() / "released" / "ScanEvent.avsc").read_text(encoding="utf-8"))
    whole, buffer = scan("accepted"), io.BytesIO()
    fastavro.schemaless_writer(buffer, released.parsed, whole._asdict())
    old = b"\xc3\x01" + released.fingerprint + buffer.getvalue()
    decoded = decode_chunk(codec, [old, encoded(whole)])
    assert [list(group.rows(Scan._fields)) for group in decoded.groups] == [[tuple(whole)]] * 2
    assert codec.decode(old)[1] == whole._asdict()


TEXTS_OF_A_SCAN = (
    "carrier",
    "number",
    "facility",
    "province",
    "commune",
    "raw_code",
    "mapping_version",
    "reporter",
    "zone",
    "linked_number",
)
NO_UTF8 = (b"\xff", b"\xed\xa0\x80", b"\xc3")


@pytest.mark.parametrize("field", TEXTS_OF_A_SCAN)
@pytest.mark.parametrize("broken", NO_UTF8)
def test_a_text_that_is_no_utf8_is_dead_alone(field: str, broken: bytes) -> None:
    marked = codec.encode("ScanEvent", _plain()._asdict() | {field: "@" * len(broken)})
    good = encoded(_plain())
    decoded = decode_chunk(codec, [good, marked.replace(b"@" * len(broken), broken), good])
    assert list(decoded.dead) == [1]
    assert [list(group.rows(Scan._fields)) for group in decoded.groups] == [[tuple(_plain())] * 2]


def test_a_number_that_its_field_cannot_hold_is_dead_whoever_stands_beside_it() -> None:
    """Avro writes integers of both sizes alike; 2^31 in an int is nobody's attempt, and not -2^31 either."""
    large = encoded(_plain()._replace(attempt=7)).replace(_varint(7), b"\x02\x80\x80\x80\x80\x10")
    for beside in (encoded(_plain()), b"junk", encoded(_plain())[:20]):
        decoded = decode_chunk(codec, [large, beside])
        assert "a value that its field cannot hold" in decoded.dead[0]


def _varint(small: int) -> bytes:
    """The union's branch and a small number, as Avro writes them."""
    return bytes([2, small * 2])


@settings(max_examples=500)
@given(SCANS.map(encoded), st.data())
def test_of_bytes_that_somebody_changed_is_read_what_the_oracle_reads_or_nothing(
    value: bytes, data: st.DataObject
) -> None:
    changed = bytearray(value)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(10, len(value) - 1))] = data.draw(st.integers(0, 255))
    decoded = decode_chunk(codec, [bytes(changed), value])
    rows = [Scan(*row) for group in decoded.groups for row in group.rows(Scan._fields)]
    assert [
        Scan(**codec.decode(each)[1]) for each in ([bytes(changed), value] if not decoded.dead else [value])
    ] == rows

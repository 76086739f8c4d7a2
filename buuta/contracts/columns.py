"""A chunk of records to columns: 0.3 microseconds a record instead of fastavro's 14.

`pyruhvro` reads the datums of one schema into Arrow. What it refuses, or panics on, is read again
with fastavro record by record, so that one bad record costs its neighbours nothing but time.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import pyarrow as pa
import pyruhvro

from buuta.contracts.codec import Codec, decode_datum
from buuta.contracts.schemas import NAMES, Schema, schema
from buuta.errors import Undecodable

Columns = dict[str, list[Any]]
INT64: Final = pa.int64()


@dataclass
class Group:
    """The records of one schema in a chunk: their places in it, and their fields as columns."""

    schema: str
    places: list[int]
    columns: Columns

    def rows(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The records as tuples of the named fields."""
        return zip(*(self.columns[name] for name in names), strict=True)


@dataclass
class Decoded:
    """A chunk, decoded: groups by schema, and the records that no schema of ours reads."""

    groups: list[Group] = field(default_factory=list)
    dead: dict[int, str] = field(default_factory=dict)


def decode_chunk(
    codec: Codec, values: Sequence[bytes | None], expected: Collection[str] = NAMES
) -> Decoded:
    """Decode the values of a chunk; `Decoded.dead` names the place and reason of each bad one.

    `expected` names the schemas that belong in the topic; a record of another is a bad one too.
    """
    decoded = Decoded()
    for written, start, places in _by_schema(codec, values, decoded.dead):
        if written.name not in expected:
            reason = f"a {written.name} does not belong in this topic"
            decoded.dead.update(dict.fromkeys(places, reason))
            continue
        datums = [values[place][start:] for place in places]  # type: ignore[index]
        columns = _fast(written, datums)
        if columns is None:
            columns, places = _slow(written, datums, places, decoded.dead)
        if places:
            decoded.groups.append(Group(written.name, places, columns))
    return decoded


def _by_schema(
    codec: Codec, values: Sequence[bytes | None], dead: dict[int, str]
) -> list[tuple[Schema, int, list[int]]]:
    """Places grouped by the bytes that name their schema; unknown framings go to `dead`."""
    groups: dict[bytes, tuple[Schema, int, list[int]]] = {}
    for place, value in enumerate(values):
        head = value[:10] if value and value[0] == 0xC3 else (value or b"")[:5]
        group = groups.get(head)
        if group is None:
            try:
                written, start = codec.frame(value)
            except Undecodable as why:
                dead[place] = str(why)
                continue
            group = groups[head] = (written, start, [])
        group[2].append(place)
    return list(groups.values())


@cache
def _reader_schema(text: str) -> str:
    return json.dumps(json.loads(text))


def _fast(written: Schema, datums: list[bytes]) -> Columns | None:
    """All datums by pyruhvro, or None where it cannot read them all."""
    try:
        batch = pyruhvro.deserialize_array(datums, _reader_schema(written.text))
    except ValueError:
        return None
    except BaseException as panic:
        # A Rust panic is a BaseException; the fallback decides what is wrong with which record.
        if type(panic).__name__ != "PanicException":
            raise
        return None
    return {name: _plain_list(batch.column(name)) for name in batch.schema.names}


def _plain_list(column: Any) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(INT64)
    values: list[Any] = column.to_pylist()
    if pa.types.is_map(column.type):
        return [None if value is None else dict(value) for value in values]
    return values


def _slow(
    written: Schema, datums: list[bytes], places: list[int], dead: dict[int, str]
) -> tuple[Columns, list[int]]:
    """Record by record with fastavro; bad ones go to `dead`."""
    records: list[dict[str, Any]] = []
    good: list[int] = []
    for place, datum in zip(places, datums, strict=True):
        try:
            records.append(decode_datum(written, datum))
        except Undecodable as why:
            dead[place] = str(why)
        else:
            good.append(place)
    names = [each["name"] for each in written.parsed["fields"]]
    return {name: [record[name] for record in records] for name in names}, good


def encode_rows(codec: Codec, name: str, rows: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """Encode `rows` (tuples in the schema's field order): 1.6 microseconds each instead of 17.

    Raises:
        ValueError: a value that its field cannot hold.
    """
    if not rows:
        return []
    text = _reader_schema(schema(name).text)
    fields = _arrow_schema(text)
    columns = [
        pa.array(column, type=each.type)
        for column, each in zip(zip(*rows, strict=True), fields, strict=True)
    ]
    batch = pa.record_batch(columns, schema=fields)
    prefix = codec.prefix(name)
    [datums] = pyruhvro.serialize_record_batch(batch, text, 1)
    return [prefix + datum for datum in datums.to_pylist()]


@cache
def _arrow_schema(text: str) -> Any:
    return pyruhvro.avro_to_arrow_schema(text)

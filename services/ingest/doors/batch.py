"""Bodies of many items: a JSON array, NDJSON or an Avro container; packed by gzip or zstd, or not."""

import io
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import fastavro

from buuta.errors import BadItem
from buuta.web.bodies import Pairs, beside, parse_json, told_twice
from buuta.web.problems import Problem
from services.ingest.domain.item import read_item
from services.ingest.domain.recipe import Report

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
AVRO: Final = "application/avro"
PLAIN: Final = frozenset({"null", "string", "int", "long", "boolean", "enum"})


MOST_FIELDS: Final = 100
LONGEST_SCHEMA: Final = 50_000
LONGEST_HEADER: Final = 60_000
"""Bytes before the first block: the header is read as a whole, and no other thread goes on meanwhile."""
MOST_BLANK: Final = 10
"""So many empty lines an item."""
HEADER: Final = fastavro.parse_schema(
    {
        "type": "record", "name": "Header",
        "fields": [
            {"name": "magic", "type": {"type": "fixed", "name": "Magic", "size": 4}},
            {"name": "meta", "type": {"type": "map", "values": "bytes"}},
        ],
    }
)  # fmt: skip
"""How an Avro container begins (Avro 1.11, object container files)."""


class BadLine(bytes):
    """A line that is no JSON; its neighbours go on."""

    why = ""


class Twice(dict[str, Any]):
    """An object that has a name twice; its neighbours go on."""

    why = ""

    @classmethod
    def of(cls, pairs: Pairs) -> "Twice":
        """It as it came, but for what cannot be held."""
        held = cls(pairs)
        held.why = told_twice(pairs)
        return held


def read_batch(content_type: str, body: bytes, most: int) -> Sequence[Any]:
    """The items of a body by its media type; without one it is JSON, and so is what begins like it.

    Raises:
        Problem: 415 for a media type that is not read, 400 for a body that is not what it says, 413 for more
            than `most` items.
    """
    kind = content_type.partition(";")[0].strip().lower() or JSON
    if kind not in READERS and body.removeprefix(BOM_UTF8).lstrip()[:1] in (b"[", b"{"):
        kind = JSON
    reader = READERS.get(kind)
    if reader is None:
        raise Problem(415, "media_type_unknown", f"send one of {', '.join(READERS)}")
    items = reader(body, most)
    if len(items) > most:
        raise Problem(413, "too_many_items", f"send at most {most} items at once")
    return items


async def read_beside(content_type: str, body: bytes, most: int) -> Sequence[Any]:
    """The same, beside the event loop where that is worth a thread."""
    return await beside(body, read_batch, content_type, body, most)


def read_report(item: Any) -> Report:
    """An item, or why a line is none.

    Raises:
        BadItem: as `read_item`, a line that is no JSON, or an object that has a name twice.
    """
    if isinstance(item, Twice):
        raise BadItem("field_twice", item.why)
    if isinstance(item, BadLine):
        raise BadItem("line_not_json", f"the line is no JSON object: {item.why}")
    return read_item(item)


def _array(body: bytes, most: int) -> Sequence[Any]:
    items = parse_json(body, twice=Twice.of)
    if isinstance(items, dict | Twice):
        return [items]
    if not isinstance(items, list):
        raise Problem(400, "body_not_array", "the body is a JSON array of items, or one item")
    return items


def _lines(body: bytes, most: int) -> Sequence[Any]:
    """One by one: a body of empty lines is not taken apart into millions."""
    found: list[Any] = []
    for count, line in enumerate(io.BytesIO(body.removeprefix(BOM_UTF8))):
        if len(found) > most or count > MOST_BLANK * most:
            raise Problem(413, "too_many_items", f"send at most {most} items at once, and no empty lines")
        if line.strip():
            found.append(read_line(line.rstrip(b"\n"), parse_json))
    return found


def read_line(line: bytes, read: Callable[[bytes], Any]) -> Any:
    """What `read` makes of a line, or the line with what is wrong with it."""
    try:
        return read(line)
    except Problem as wrong:
        bad = BadLine(line)
        bad.why = wrong.detail
        return bad


def _container(body: bytes, most: int) -> Sequence[Any]:
    """Records with the fields of an item; empty ones are left out."""
    try:
        _check_header(body)
        reader = fastavro.reader(io.BytesIO(body))
        if reader.codec != "null":
            # A block's size is known only once it is unpacked, and then it may be too late.
            raise Problem(
                400, "avro_packed", "leave the blocks unpacked; pack the whole body by gzip or zstd"
            )
        if not _is_plain(reader.writer_schema):
            raise Problem(
                400,
                "avro_not_plain",
                f"the records must have up to {MOST_FIELDS} plain fields: no arrays, maps, records",
            )
        return [_filled(record) for record in islice(reader, most + 1)]
    except Problem:
        raise
    except Exception as wrong:
        # fastavro raises whatever its C code ran into: ValueError, EOFError, KeyError, struct.error.
        raise Problem(
            400, "body_not_avro", f"the body is no Avro container: {type(wrong).__name__}"
        ) from None


def _check_header(body: bytes) -> None:
    """Refuse a schema that is a document of its own, before it is parsed, and a header that does not end."""
    try:
        header: Any = fastavro.schemaless_reader(io.BytesIO(body[:LONGEST_HEADER]), HEADER, None)
        size = len(header["meta"].get("avro.schema", b""))
    except EOFError:
        if len(body) <= LONGEST_HEADER:
            raise
        size = len(body)
    if size > LONGEST_SCHEMA:
        raise Problem(
            413, "avro_schema_too_large", f"the header has a schema of more than {LONGEST_SCHEMA} bytes"
        )


def _is_plain(schema: Any) -> bool:
    """Whether a record takes at least the bytes of its fields; an array of nulls takes none and never ends."""
    if not isinstance(schema, dict) or schema.get("type") != "record" or not schema.get("fields"):
        return False
    if len(schema["fields"]) > MOST_FIELDS:
        return False
    kinds = (kind for field in schema["fields"] for kind in _alternatives(field["type"]))
    return all(kind in PLAIN for kind in kinds)


def _alternatives(kind: Any) -> list[Any]:
    """The types that a field may have, by name; a logical type is its plain type."""
    alternatives = kind if isinstance(kind, list) else [kind]
    return [each.get("type") if isinstance(each, dict) else each for each in alternatives]


def _filled(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return {name: value for name, value in record.items() if value is not None}


READERS: Final[Mapping[str, Callable[[bytes, int], Sequence[Any]]]] = {
    JSON: _array,
    NDJSON: _lines,
    AVRO: _container,
}

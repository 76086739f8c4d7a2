"""Bodies of many items: a JSON array, NDJSON or an Avro container; packed by gzip or zstd, or not."""

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import fastavro

from buuta.errors import BadItem
from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest.domain.item import read_item
from services.ingest.domain.recipe import Report

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
AVRO: Final = "application/avro"
PLAIN: Final = frozenset({"null", "string", "int", "long", "boolean", "enum"})


class BadLine(bytes):
    """A line that is no JSON; its neighbours go on."""

    why = ""


def read_batch(content_type: str, body: bytes, most: int) -> Sequence[Any]:
    """The items of a body by its media type; without one it is JSON.

    Raises:
        Problem: 415 for a media type that is not read, 400 for a body that is not what it says, 413 for more
            than `most` items.
    """
    kind = content_type.partition(";")[0].strip().lower() or JSON
    reader = READERS.get(kind)
    if reader is None:
        raise Problem(415, "media_type_unknown", f"send one of {', '.join(READERS)}")
    items = reader(body, most)
    if len(items) > most:
        raise Problem(413, "too_many_items", f"send at most {most} items at once")
    return items


def read_report(item: Any) -> Report:
    """An item, or why a line is none.

    Raises:
        BadItem: as `read_item`, or a line that is no JSON.
    """
    if isinstance(item, BadLine):
        raise BadItem("line_not_json", f"the line is no JSON object: {item.why}")
    return read_item(item)


def _array(body: bytes, most: int) -> Sequence[Any]:
    items = parse_json(body)
    if not isinstance(items, list):
        raise Problem(400, "body_not_array", "the body is a JSON array of items")
    return items


def _lines(body: bytes, most: int) -> Sequence[Any]:
    lines = (line for line in body.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip())
    return [read_line(line, parse_json) for line in islice(lines, most + 1)]


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
        reader = fastavro.reader(io.BytesIO(body))
        if reader.codec != "null":
            # A block's size is known only once it is unpacked, and then it may be too late.
            raise Problem(
                400, "avro_packed", "leave the blocks unpacked; pack the whole body by gzip or zstd"
            )
        if not _is_plain(reader.writer_schema):
            raise Problem(
                400, "avro_not_plain", "the records must have plain fields: no arrays, maps, records"
            )
        return [_filled(record) for record in islice(reader, most + 1)]
    except Problem:
        raise
    except Exception as wrong:
        # fastavro raises whatever its C code ran into: ValueError, EOFError, KeyError, struct.error.
        raise Problem(
            400, "body_not_avro", f"the body is no Avro container: {type(wrong).__name__}"
        ) from None


def _is_plain(schema: Any) -> bool:
    """Whether a record takes at least the bytes of its fields; an array of nulls takes none and never ends."""
    if not isinstance(schema, dict) or schema.get("type") != "record" or not schema.get("fields"):
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

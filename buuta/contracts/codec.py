"""One record to bytes and back, in the two framings that Buuta reads.

Single-object encoding: `C3 01`, 8 bytes of fingerprint, the datum (Avro 1.11 specification).
Confluent wire format: `00`, 4 bytes of schema id, big-endian, the datum.
"""

import io
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

import fastavro

from buuta.contracts.schemas import Schema, by_fingerprint, defaults, schema
from buuta.errors import SchemaUnknown, Undecodable

SINGLE_OBJECT: Final = b"\xc3\x01"
CONFLUENT: Final = b"\x00"
Plain = Mapping[str, Any]


class SchemaIds(Protocol):
    """What the codec needs of a schema registry: both ways between a schema and its number."""

    def id_of(self, name: str) -> int | None:
        """The number of our schema of that name; None where no registry is configured."""

    def schema_of(self, schema_id: int) -> Schema | None:
        """The schema of that number, if we have met it."""

    async def learn(self, values: Iterable[bytes | None]) -> None:
        """Fetch the schemas that these records name by numbers which we have not met."""


class NoRegistry:
    """No registry is configured: write single-object encoding, know no numbers."""

    def id_of(self, name: str) -> int | None:
        """None: there is no registry."""
        return None

    def schema_of(self, schema_id: int) -> Schema | None:
        """None: there is no registry."""
        return None

    async def learn(self, values: Iterable[bytes | None]) -> None:
        """Nothing: there is no registry to ask."""


class Codec:
    """Encodes records of our own schemas, and reads the framing of any record."""

    def __init__(self, ids: SchemaIds | None = None) -> None:
        self.ids: SchemaIds = ids or NoRegistry()
        self._prefixes: dict[str, bytes] = {}

    async def learn(self, values: Iterable[bytes | None]) -> None:
        """Make sure that the records' schemas are known before they are decoded.

        Raises:
            Retry: the registry cannot be reached.
        """
        await self.ids.learn(values)

    def encode(self, name: str, fields: Plain) -> bytes:
        """Encode `fields` by the schema `name`; times are UTC milliseconds as plain integers."""
        buffer = io.BytesIO()
        buffer.write(self.prefix(name))
        fastavro.schemaless_writer(buffer, schema(name).parsed, fields)
        return buffer.getvalue()

    def prefix(self, name: str) -> bytes:
        """The bytes that stand before a datum of that schema."""
        if name not in self._prefixes:
            schema_id = self.ids.id_of(name)
            self._prefixes[name] = (
                SINGLE_OBJECT + schema(name).fingerprint
                if schema_id is None
                else CONFLUENT + schema_id.to_bytes(4, "big")
            )
        return self._prefixes[name]

    def frame(self, value: bytes | None) -> tuple[Schema, int]:
        """The writer's schema of a record, and where its datum begins.

        Raises:
            SchemaUnknown: a number that the schema registry does not tell us.
            Undecodable: no framing of ours, or a schema that we do not know.
        """
        if not value:
            raise Undecodable("the record is empty")
        if value[:2] == SINGLE_OBJECT:
            known = by_fingerprint().get(value[2:10])
            if known is None:
                raise Undecodable(f"no schema has the fingerprint {value[2:10].hex()}")
            return known, 10
        if value[:1] == CONFLUENT and len(value) >= 5:
            schema_id = int.from_bytes(value[1:5], "big")
            found = self.ids.schema_of(schema_id)
            if found is None:
                raise SchemaUnknown(f"the schema registry's id {schema_id} is not known here")
            return found, 5
        raise Undecodable(f"neither single-object encoding nor Confluent format: {value[:2].hex()}")

    def decode(self, value: bytes | None) -> tuple[str, dict[str, Any]]:
        """Schema name and fields of one record; the oracle of the column decoder.

        Raises:
            Undecodable: the bytes do not read by the schema that they name.
        """
        written, start = self.frame(value)
        assert value is not None
        return written.name, decode_datum(written, value[start:])


def decode_datum(written: Schema, datum: bytes) -> dict[str, Any]:
    """Read one datum with fastavro, logical types left as plain integers.

    Raises:
        Undecodable: the bytes do not read by that schema.
    """
    try:
        record = fastavro.schemaless_reader(io.BytesIO(datum), _plain(written), None)
    except Exception as broken:
        # fastavro raises what its reader stumbled over: EOFError, IndexError, struct.error, ...
        raise Undecodable(f"not a {written.name}: {type(broken).__name__}") from broken
    assert isinstance(record, dict)
    if not fastavro.validate(record, _plain(written), raise_errors=False):
        # A reader in Python takes an integer of any size; the schema does not.
        raise Undecodable(f"not a {written.name}: a value that its field cannot hold")
    return defaults(written.name) | record


def resolve_datum(written: Schema, datum: bytes, reader: Any) -> dict[str, Any]:
    """Read one datum as the reader's schema has it (Avro 1.11, schema resolution); `reader` is parsed.

    Raises:
        Undecodable: the bytes do not read by the writer's schema, or do not resolve to the reader's.
    """
    try:
        record = fastavro.schemaless_reader(io.BytesIO(datum), _plain(written), reader)
    except Exception as broken:
        raise Undecodable(f"no {written.name} that we can read: {type(broken).__name__}") from broken
    assert isinstance(record, dict)
    return record


def _plain(written: Schema) -> Any:
    """The layout alone: times stay integers, so no year can overflow a `datetime`.

    By the text, since fingerprints of 64 bits can be made alike by somebody who wants them to be.
    """
    return _layout(written.text)


@lru_cache(200)
def _layout(text: str) -> Any:
    """Avro's parsing canonical form, which drops docs and logical types: just what is wanted."""
    return fastavro.parse_schema(json.loads(fastavro.schema.to_parsing_canonical_form(json.loads(text))))

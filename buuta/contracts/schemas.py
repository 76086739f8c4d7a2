"""The schemas, and the fingerprint that tells one from another on the wire."""

import json
import os
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import fastavro

NAMES: Final = (
    "ScanEvent",
    "ParcelRegistration",
    "DeadlinePassed",
    "ParcelMilestone",
    "NotificationOutcome",
    "DeliveryRate",
    "ParcelState",
)


@dataclass(frozen=True)
class Schema:
    """One Avro schema: its name without its namespace, by which writers and readers are matched (Avro 1.11, schema
    resolution), its JSON text, its parsed form, and its CRC-64-AVRO fingerprint (8 bytes)."""

    name: str
    text: str
    parsed: Any
    fingerprint: bytes

    @property
    def full_name(self) -> str:
        """Namespace and name, the subject in a schema registry (RecordNameStrategy)."""
        return f"vn.buuta.{self.name}"


def parse(text: str) -> Schema:
    """Build a `Schema` from JSON text.

    Raises:
        fastavro.schema.SchemaParseException: for text that is no Avro schema.
    """
    definition = json.loads(text)
    parsed = fastavro.parse_schema(definition)
    canonical = fastavro.schema.to_parsing_canonical_form(definition)
    digest = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    # The single-object encoding carries the fingerprint with the least byte first (Avro 1.11).
    return Schema(parsed["name"].rpartition(".")[2], text, parsed, bytes.fromhex(digest))


def parse_written(text: str) -> Schema:
    """A schema by which others write: without its defaults, which are a reader's.

    What a union's default may be differs between versions of Avro (up to 1.11 its first branch, since 1.12 any),
    and is no reason to refuse what was written.

    Raises:
        Exception: whatever the parser stumbles over in text that is no Avro schema of a record.
    """
    definition = json.loads(text)
    left = [definition]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            each.pop("default", None)
            left += each.values()
        elif isinstance(each, list):
            left += each
    return parse(json.dumps(definition))


@cache
def schema(name: str) -> Schema:
    """The current schema of that name from `schemas/avro/`."""
    return parse((_folder() / f"{name}.avsc").read_text(encoding="utf-8"))


def _folder() -> Path:
    installed = Path(str(resources.files("buuta.contracts"))) / "avro"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "schemas" / "avro"


@cache
def by_fingerprint() -> dict[bytes, Schema]:
    """Every schema we know, released ones too, by fingerprint: readers look the writer's schema up here."""
    released = [
        parse(path.read_text(encoding="utf-8")) for path in sorted(_folder().glob("released/*.avsc"))
    ]
    return {each.fingerprint: each for each in (*released, *map(schema, NAMES))}


@cache
def defaults(name: str) -> dict[str, Any]:
    """What fields of the current schema are where an older writer did not know them."""
    if name not in NAMES:
        return {}
    return {
        each["name"]: each["default"]
        for each in json.loads(schema(name).text)["fields"]
        if "default" in each
    }


def folder() -> Path:
    """Where the schema files lie, for tools that read them as files."""
    return Path(os.path.abspath(_folder()))

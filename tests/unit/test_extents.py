"""No valid schema is refused for its shape; what a datum holds is counted where the schema does not bound it."""

import contextlib
import io
import json
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buuta.contracts.codec import Codec
from buuta.contracts.extents import DEEPEST, check_extent
from buuta.contracts.schemas import parse, parse_written, schema
from buuta.errors import BadItem
from services.ingest.domain.recipe import Report
from services.ingest.doors.records import NAME, read
from tests.scans import scan
from tests.unit.test_records import OneSchema

SCAN: Final = scan("delivered", 1, raw_code="delivered", attempt=2, facility="BC1")._asdict()
FIELDS: Final = {each["name"]: each for each in json.loads(schema(NAME).text)["fields"]}
JAVA: Final = {"type": "string", "avro.java.string": "String"}
PRIMITIVES: Final[list[tuple[Any, Any]]] = [
    ("null", None), ("boolean", True), ("int", -7), ("long", 2**62), ("float", 0.5), ("double", -1e300),
    ("bytes", b"\x80\xff"), ("string", "Hà Nội"), (JAVA, "a"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}, b"\x01\x02"),
    ({"type": "int", "logicalType": "date"}, 20_000), ({"type": "long", "logicalType": "timestamp-micros"}, 1),
    ({"type": "string", "logicalType": "uuid"}, "0" * 32), ({"type": "int", "logicalType": "nobody-knows"}, 1),
]  # fmt: skip
Typed = tuple[Any, Any]


def written(definition: Any, said: Mapping[str, Any]) -> bytes:
    """A record by a schema as others write it; logical types are layout here, so values stay as they are."""
    canonical = fastavro.schema.to_parsing_canonical_form(json.loads(json.dumps(definition)))
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(json.loads(canonical)), said)
    return buffer.getvalue()


def reading(definition: Any, datum: bytes) -> Report:
    return read(Codec(OneSchema(definition)), b"\x00\x00\x00\x00\x07" + datum)


class Names:
    """Named types of one schema, which are defined once and named by their full names from then on."""

    def __init__(self) -> None:
        self.numbers = count()
        self.defined: list[Typed] = []

    def spelling(self, draw: st.DrawFn, around: str) -> tuple[dict[str, str], str]:
        """A new name as it may be spelt within a namespace, and the namespace that it then has."""
        name = f"T{next(self.numbers)}"
        own = {"name": name, "namespace": "vn.other"}
        dotted = {"name": f"vn.third.{name}"}
        return draw(st.sampled_from([({"name": name}, around), (own, "vn.other"), (dotted, "vn.third")]))

    def define(self, spelt: tuple[dict[str, str], str], kind: dict[str, Any], value: Any) -> Typed:
        name, namespace = spelt
        self.defined.append((f"{namespace}.{name['name'].rpartition('.')[2]}", value))
        return {**kind, **name, "aliases": ["Former"], "doc": "of another time"}, value


SIMPLE: Final = ["primitive", "enum", "fixed", "named"]


@st.composite
def kinds(
    draw: st.DrawFn, names: Names, around: str = "vn.buuta", depth: int = 3, *, bare: bool = False
) -> Typed:
    """A type of any kind within a namespace, and a value of it; a bare one is no union."""
    more = ["array", "map", "record", *([] if bare else ["union"])] if depth else []
    match draw(st.sampled_from([*SIMPLE, *more])):
        case "enum":
            return names.define(names.spelling(draw, around), {"type": "enum", "symbols": ["A", "B"]}, "B")
        case "fixed":
            size = draw(st.integers(0, 3))
            return names.define(names.spelling(draw, around), {"type": "fixed", "size": size}, b"1" * size)
        case "named" if names.defined:
            return draw(st.sampled_from(names.defined))
        case "record":
            return draw(records(names, around, depth))
        case "union":
            kind, value = draw(kinds(names, around, depth - 1, bare=True))
            return (
                (["null", kind], draw(st.sampled_from([None, value])))
                if kind != "null"
                else (["null"], None)
            )
        case "array":
            kind, value = draw(kinds(names, around, depth - 1))
            return {"type": "array", "items": kind}, [value] * draw(st.integers(0, 3))
        case "map":
            kind, value = draw(kinds(names, around, depth - 1))
            return {"type": "map", "values": kind}, dict.fromkeys("abc"[: draw(st.integers(0, 3))], value)
    primitive: Typed = draw(st.sampled_from(PRIMITIVES))
    return primitive


@st.composite
def records(draw: st.DrawFn, names: Names, around: str, depth: int) -> Typed:
    spelt = names.spelling(draw, around)
    inner = [draw(kinds(names, spelt[1], depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    fields = [{"name": f"f{place}", "type": kind} for place, (kind, _) in enumerate(inner)]
    value = {f"f{place}": each for place, (_, each) in enumerate(inner)}
    return names.define(spelt, {"type": "record", "fields": fields}, value)


@st.composite
def newer(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """A schema of the event as it may be one day, and a record of it."""
    names = Names()
    fields = {name: dict(each) for name, each in FIELDS.items()}
    fields["offset_minutes"]["type"] = draw(st.sampled_from(["int", "long"]))
    fields["attempt"]["type"] = draw(st.sampled_from([["null", "long"], ["long", "null"], "int", ["int"]]))
    fields["number"]["type"] = draw(st.sampled_from(["string", JAVA, ["string", "null"], "bytes"]))
    fields["facility"]["type"] = draw(
        st.sampled_from([["null", JAVA], "string", ["null", "int", "string"]])
    )
    for name in ("attempt", "facility"):
        fields[name].pop("default")
    said = dict(SCAN)
    if fields["number"]["type"] == "bytes":
        said["number"] = SCAN["number"].encode()
    added = [(f"new{place}", draw(kinds(names))) for place in range(draw(st.integers(0, 4)))]
    for name, (kind, value) in added:
        fields[name] = {"name": name, "type": kind, "aliases": [f"{name}_once"]}
        said[name] = value
    known = [each for name, each in fields.items() if name in FIELDS]
    rest = [each for name, each in fields.items() if name not in FIELDS]
    order = [*draw(st.permutations(known)), *rest] if draw(st.booleans()) else [*rest, *known]
    spelt = draw(st.sampled_from([{"name": NAME, "namespace": "vn.buuta"}, {"name": f"vn.buuta.{NAME}"}]))
    return {"type": "record", **spelt, "fields": order}, said


@settings(max_examples=400)
@given(newer())
def test_every_record_of_a_valid_newer_schema_is_resolved(made: tuple[Any, dict[str, Any]]) -> None:
    definition, said = made
    report = reading(definition, written(definition, said))
    assert (report.number, report.attempt, report.facility) == ("Z82BS", 2, "BC1")


def with_fields(*fields: Any) -> Any:
    return json.loads(schema(NAME).text) | {"fields": [*FIELDS.values(), *fields]}


REASON: Final = "vn.buuta.Reason"
GROWN: Final[dict[str, tuple[Any, Any]]] = {
    "arrays of java's strings": ({"type": "array", "items": JAVA}, ["a"]),
    "arrays of an enum that was named before": ({"type": "array", "items": REASON}, ["weather"]),
    "arrays of what may be null": ({"type": "array", "items": ["null", "string"]}, [None, "a"]),
    "arrays of arrays": ({"type": "array", "items": {"type": "array", "items": "int"}}, [[1], []]),
    "maps of records": (
        {"type": "map", "values": {"type": "record", "name": "R", "fields": [{"name": "a", "type": REASON}]}},
        {"k": {"a": "weather"}},
    ),
    "an array of nulls": ({"type": "array", "items": "null"}, [None] * 3),
    "a type that holds itself": (
        {"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]},
        {"next": {"next": None}},
    ),
    "a name of its own namespace, inherited": (
        {
            "type": "record", "name": "N", "namespace": "vn.ghn", "fields": [
                {"name": "a", "type": {"type": "fixed", "name": "F", "size": 2}}, {"name": "b", "type": "F"},
                {"name": "c", "type": "vn.ghn.F"},
            ],
        },
        {"a": b"12", "b": b"34", "c": b"56"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GROWN)
def test_no_valid_shape_is_refused(name: str) -> None:
    kind, value = GROWN[name]
    definition = with_fields({"name": "more", "type": kind})
    assert reading(definition, written(definition, SCAN | {"more": value})).number == "Z82BS"


@pytest.mark.parametrize(
    "spelling",
    [{"name": "vn.buuta.ScanEvent"}, {"name": NAME}, {"name": NAME, "namespace": "vn.ghn.events"}],
)  # fmt: skip
def test_a_record_is_known_by_its_name_without_its_namespace(spelling: dict[str, str]) -> None:
    definition = {"type": "record", "fields": list(FIELDS.values()), **spelling}
    assert reading(definition, written(definition, SCAN | {"reason": "weather"})).reason == "weather"


def test_an_enum_that_an_added_field_names_first_is_the_one_that_is_read() -> None:
    reason = FIELDS["reason"]["type"][1]
    fields = [{"name": "before", "type": {"type": "array", "items": reason}}]
    fields += [
        each | {"type": ["null", REASON]} if name == "reason" else each for name, each in FIELDS.items()
    ]
    definition = json.loads(schema(NAME).text) | {"fields": fields}
    said = SCAN | {"before": ["damaged"], "reason": "weather"}
    assert reading(definition, written(definition, said)).reason == "weather"


def nested(levels: int) -> Any:
    kind: Any = "int"
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
    return kind


def doubling(levels: int) -> list[Any]:
    """Records of two of the one before each: 2 to the power of `levels` nulls that take no byte."""
    fields = [{"name": "f0", "type": {"type": "record", "name": "A0", "fields": []}}]
    for level in range(1, levels):
        inner = [{"name": name, "type": f"A{level - 1}"} for name in "xy"]
        fields.append(
            {"name": f"f{level}", "type": {"type": "record", "name": f"A{level}", "fields": inner}}
        )
    return fields


TEXTS: Final = {"type": "array", "items": "string"}
LIST: Final = GROWN["a type that holds itself"][0]
TREE: Final = {
    "type": "record",
    "name": "S",
    "fields": [{"name": "all", "type": {"type": "array", "items": "S"}}],
}
ENDLESS: Final = {"type": "record", "name": "E", "fields": [{"name": "again", "type": "E"}]}
NULLS: Final = {"type": "array", "items": "null"}
MAP: Final = {"type": "map", "values": "null"}
HUGE: Final = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"
LOWEST: Final = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
HOSTILE: Final[dict[str, tuple[list[Any], bytes, str]]] = {
    "2^62 nulls": ([{"name": "x", "type": NULLS}], HUGE, "more than"),
    "-2^63 nulls in a block": ([{"name": "x", "type": NULLS}], LOWEST + b"\x02", "more than"),
    "blocks of nulls without end": ([{"name": "x", "type": NULLS}], b"\xc8\x01" * 100_000, "more than"),
    "2^62 texts": ([{"name": "x", "type": TEXTS}], HUGE, "more than"),
    "a map of 2^62": ([{"name": "x", "type": MAP}], HUGE, "more than"),
    "a list nested a million deep": ([{"name": "x", "type": LIST}], b"\x02" * 1_000_000, "nests deeper"),
    "a tree nested a million deep": ([{"name": "x", "type": TREE}], b"\x02" * 1_000_000, "nests deeper"),
    "a record that always holds itself": ([{"name": "x", "type": ENDLESS}], b"", "nests deeper"),
    "arrays 300 deep": ([{"name": "x", "type": nested(300)}], b"\x02" * 400, "nests deeper"),
    "records that double": (doubling(40), b"", "more than"),
    "a million numbers": (
        [{"name": "x", "type": nested(1)}], b"\x80\x89\x7a" + b"\x02" * 1_000_000, "more than",
    ),
    "a number of 11 bytes": ([{"name": "x", "type": NULLS}], b"\xff" * 11 + b"\x01", "64 bits"),
    "a text of a negative length": ([{"name": "x", "type": TEXTS}], b"\x02\x03", "ends"),
    "an end that is missing": ([{"name": "x", "type": NULLS}], b"\x02", "ends before"),
    "a branch that is not there": (
        [{"name": "x", "type": {"type": "array", "items": ["int"]}}], b"\x02\x08", "branch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_has_no_end_ends_with_a_reason(name: str) -> None:
    fields, more, why = HOSTILE[name]
    with pytest.raises(BadItem, match=why) as refused:
        reading(with_fields(*fields), written(with_fields(), SCAN) + more)
    assert refused.value.code == "record_undecodable"


def test_as_many_levels_are_read_as_there_may_be() -> None:
    definition = with_fields({"name": "x", "type": LIST})
    levels = (DEEPEST - 3) // 2
    datum = written(with_fields(), SCAN) + b"\x02" * levels + b"\x00"
    assert reading(definition, datum).number == "Z82BS"


@settings(max_examples=300)
@given(newer(), st.binary(max_size=60), st.integers(0, 200))
def test_whatever_the_bytes_are_reading_ends_in_a_report_or_a_refusal(
    made: tuple[Any, dict[str, Any]], junk: bytes, kept: int
) -> None:
    definition, said = made
    with contextlib.suppress(BadItem):
        assert reading(definition, written(definition, said)[:kept] + junk)


def test_a_default_that_only_newer_versions_of_avro_allow_is_no_reason_to_refuse_a_schema() -> None:
    change = {"name": "facility", "type": ["string", "null"], "default": None}
    fields = [change if name == "facility" else each for name, each in FIELDS.items()]
    definition = json.loads(schema(NAME).text) | {"fields": fields}
    assert parse_written(json.dumps(definition)).name == NAME


def test_of_a_schema_that_is_bounded_itself_nothing_is_counted() -> None:
    check_extent(parse(json.dumps(with_fields({"name": "x", "type": "bytes"}))), b"")

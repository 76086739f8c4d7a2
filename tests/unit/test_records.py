"""Carriers' own records are resolved to what we read; what cannot be is the fault of that record alone."""

import io
import json
from typing import Any

import fastavro
import httpx
import pytest

from buuta.contracts.codec import Codec
from buuta.contracts.registry import LONGEST, TRIES, SchemaRegistry
from buuta.contracts.schemas import Schema, parse, schema
from buuta.errors import BadItem, Retry
from buuta.model.times import BusinessTime, iso_text
from services.ingest.carriers import RECIPES
from services.ingest.domain.recipe import Receipt, Report, to_scan
from services.ingest.doors.records import NAME, read
from tests.scans import scan

SCAN = scan("delivered", 1, raw_code="delivered")._asdict()


def newer(**types: Any) -> Any:
    """The contract as a carrier of another version has it: fields of other types, or more fields."""
    definition = json.loads(schema("ScanEvent").text)
    known = {each["name"]: each for each in definition["fields"]}
    for name, kind in types.items():
        known[name] = {"name": name, "type": kind}
    return definition | {"fields": list(known.values())}


class OneSchema:
    """A registry with one schema, of number 7."""

    def __init__(self, definition: Any) -> None:
        self.schema = parse(json.dumps(definition))

    def id_of(self, _: str) -> int | None:
        return None

    def schema_of(self, schema_id: int) -> Schema | None:
        return self.schema if schema_id == 7 else None

    async def learn(self, _: Any) -> None:
        """It knows what it knows."""


def reading(definition: Any, **said: Any) -> Report:
    buffer = io.BytesIO(b"\x00\x00\x00\x00\x07")
    buffer.seek(5)
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(definition), SCAN | said)
    return read(Codec(OneSchema(definition)), buffer.getvalue())


def enum(name: str, *symbols: str) -> Any:
    [kind] = [
        each for field in json.loads(schema("ScanEvent").text)["fields"]
        for each in (field["type"] if isinstance(field["type"], list) else [field["type"]])
        if isinstance(each, dict) and each.get("name") == name
    ]  # fmt: skip
    return kind | {"symbols": [*kind["symbols"], *symbols]}


def test_a_newer_symbol_of_what_is_ours_to_say_costs_nothing() -> None:
    report = reading(newer(status=enum("Status", "teleported")), status="teleported")
    assert report.raw_code == "delivered"


def test_a_newer_reason_or_mode_is_unknown() -> None:
    kinds = newer(
        reason=["null", enum("Reason", "moonstruck")], delivery_mode=["null", enum("DeliveryMode", "drone")]
    )
    report = reading(kinds, reason="moonstruck", delivery_mode="drone")
    assert (report.reason, report.mode) == ("unknown", "unknown")


def test_a_number_may_come_as_a_long_and_is_held_to_the_same_range() -> None:
    longs = newer(attempt=["null", "long"], offset_minutes="long")
    assert reading(longs, attempt=3).attempt == 3
    with pytest.raises(BadItem, match="attempt must be"):
        to_scan(RECIPES["buuta"], reading(longs, attempt=2**40), Receipt("vnp", "kafka", 9))


def test_more_fields_are_passed_over() -> None:
    more = newer(weather="string", parts={"type": "array", "items": "int"})
    assert reading(more, weather="rain", parts=[1, 2]).number == "Z82BS"


@pytest.mark.parametrize(
    "change",
    [
        {"occurred_at": "string"}, {"number": ["null", "string"]}, {"proof_present": "int"},
        {"correction_kind": ["null", enum("CorrectionKind", "zz")], "corrects_event_id": "string"},
    ],
)  # fmt: skip
def test_what_does_not_resolve_is_refused_with_a_reason(change: dict[str, Any]) -> None:
    said = {
        "occurred_at": "now",
        "number": None,
        "proof_present": 1,
        "correction_kind": "zz",
        "corrects_event_id": "z",
    }
    with pytest.raises(BadItem) as refused:
        reading(newer(**change), **{name: said[name] for name in change})
    assert refused.value.code == "record_undecodable"


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ({"offset_minutes": 420}, "2026-11-24T16:59:59.999+00:00"),
        ({"offset_minutes": 0}, "2026-11-24T23:59:59.999+00:00"),
        ({"offset_minutes": 0, "zone": "Asia/Tokyo"}, "2026-11-24T14:59:59.999+00:00"),
    ],
)
def test_a_day_in_a_record_is_its_end_at_the_place_whichever_moment_of_it_is_named(
    said: dict[str, Any], end: str
) -> None:
    morning = 1_795_500_000_000
    report = reading(newer(), occurred_at=morning, day_only=True, **said)
    assert isinstance(report.time, BusinessTime)
    assert (iso_text(report.time.ms), report.time.day_only) == (end, True)


def test_a_zone_in_a_record_is_the_places_and_one_that_is_none_is_refused() -> None:
    report = reading(newer(), zone="Asia/Tokyo")
    made = to_scan(RECIPES["buuta"], report, Receipt("vnp", "kafka", 9))
    assert made is not None
    assert made.zone == "Asia/Tokyo"
    with pytest.raises(BadItem):
        reading(newer(), zone="Hanoi")


REFUSED = {
    "offset_minutes": 100_000, "attempt": 2**31 - 1, "corrects_event_id": "zz", "number": "a/b",
    "facility": "Lan\x00", "province": "Hà Nội", "occurred_at": 2**62, "raw_code": "delivered\x00",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_values_that_no_other_door_takes_are_refused(name: str) -> None:
    kind = "did_not_occur" if name == "corrects_event_id" else None
    report = reading(newer(), **{name: REFUSED[name], "correction_kind": kind})
    with pytest.raises(BadItem):
        to_scan(RECIPES["buuta"], report, Receipt("vnp", "kafka", 9))


def registry_that(answer: httpx.Response) -> tuple[SchemaRegistry, list[str]]:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answer

    return SchemaRegistry(
        httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url="http://r")
    ), asked


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404), httpx.Response(200, json={"schema": "syntax ="}),
        httpx.Response(200, json={"schema": '"string"'}), httpx.Response(200, json={"schema": "[" * 100_000}),
        httpx.Response(200, json={"schema": schema(NAME).text + " " * LONGEST}),
    ],
)  # fmt: skip
async def test_a_schema_that_is_none_makes_its_own_records_undecodable_and_is_not_asked_for_each_time(
    answer: httpx.Response,
) -> None:
    registry, asked = registry_that(answer)
    for _ in range(3):
        await registry.learn([b"\x00\x00\x00\x00\x09rest", b"junk", None])
    assert len(asked) == 1
    with pytest.raises(BadItem, match="9 is not known"):
        read(Codec(registry), b"\x00\x00\x00\x00\x09rest")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503), httpx.Response(401), httpx.Response(200, text="<html>"), httpx.Response(200, json={}),
        httpx.Response(200, json={"schema": 1}), httpx.Response(200, text="[" * 100_000),
    ],
)  # fmt: skip
async def test_what_is_no_answer_of_a_registry_is_asked_for_again(answer: httpx.Response) -> None:
    registry, asked = registry_that(answer)
    for _ in range(3 * TRIES):
        with pytest.raises(Retry, match="cannot answer now"):
            await registry.learn([b"\x00\x00\x00\x00\x09rest"])
    assert len(asked) == 3 * TRIES
    with pytest.raises(Retry, match="names no id"):
        await registry.prepare([NAME])

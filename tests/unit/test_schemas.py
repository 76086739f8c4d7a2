"""The contracts: documented, held to the code, and compatible with every released version."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from fastavro.utils import generate_many

from buuta.contracts.codec import Codec
from buuta.contracts.schemas import NAMES, by_fingerprint, folder, schema
from buuta.model import milestone, scan, statuses
from buuta.settings import SharedSettings
from buuta.streaming.topics import topics

SOURCE = Path(__file__).parents[2] / "schemas" / "avro"
ENUMS = {
    "Status": statuses.Status, "Reason": statuses.Reason, "DeliveryMode": statuses.DeliveryMode,
    "CorrectionKind": statuses.CorrectionKind, "OffsetSource": statuses.OffsetSource,
    "Direction": statuses.Direction,
    "DistanceBucket": statuses.DistanceBucket, "Door": statuses.Door,
    "Action": milestone.Action, "MilestoneKind": milestone.MilestoneKind,
}  # fmt: skip
ROWS: dict[str, Any] = {
    "ScanEvent": scan.Scan, "ParcelRegistration": scan.Registration,
    "ParcelMilestone": milestone.ParcelMilestone,
}  # fmt: skip
PERSONAL = ("phone", "email", "address", "latitude", "longitude", "note", "name")


def definition(name: str) -> Any:
    return json.loads(schema(name).text)


def enums(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        own = [node] if node.get("type") == "enum" else []
        return own + [each for value in node.values() for each in enums(value)]
    return [each for value in node for each in enums(value)] if isinstance(node, list) else []


def test_the_files_are_just_the_schemas_that_the_code_knows() -> None:
    assert {path.stem for path in SOURCE.glob("*.avsc")} == set(NAMES)
    assert {each.name for each in by_fingerprint().values()} == set(NAMES)
    assert folder().is_dir()


@pytest.mark.parametrize("name", NAMES)
def test_every_field_says_what_it_means(name: str) -> None:
    for field in definition(name)["fields"]:
        assert len(field["doc"]) > 3, field["name"]


@pytest.mark.parametrize("name", NAMES)
def test_every_enum_is_that_of_the_model(name: str) -> None:
    for enum in enums(definition(name)):
        if enum["name"] in ENUMS:
            assert enum["symbols"] == [each.value for each in ENUMS[enum["name"]]], enum["name"]


@pytest.mark.parametrize("name", ROWS)
def test_a_record_of_the_code_is_the_schema_field_for_field(name: str) -> None:
    assert [field["name"] for field in definition(name)["fields"]] == list(ROWS[name]._fields)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_personal_has_a_field(name: str) -> None:
    """A count of deliveries to the address is none of anybody's address."""
    for field in definition(name)["fields"]:
        said = field["name"].removeprefix("delivered_to_")
        assert said != field["name"] or not any(word in said for word in PERSONAL), field["name"]


RELEASED = sorted((SOURCE / "released").glob("*.avsc"))


@pytest.mark.parametrize("path", RELEASED, ids=[path.stem for path in RELEASED])
def test_a_schema_reads_what_every_released_version_wrote_and_is_read_by_it(path: Path) -> None:
    name, released = path.name.partition(".")[0], json.loads(path.read_text(encoding="utf-8"))
    for writer, reader in ((released, definition(name)), (definition(name), released)):
        for record in generate_many(writer, 20):
            buffer = io.BytesIO()
            fastavro.schemaless_writer(buffer, fastavro.parse_schema(writer), record)
            buffer.seek(0)
            fastavro.schemaless_reader(buffer, fastavro.parse_schema(writer), fastavro.parse_schema(reader))


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_travels_and_names_itself(name: str) -> None:
    codec = Codec()
    for record in generate_many(json.loads(fastavro.schema.to_parsing_canonical_form(definition(name))), 5):
        assert codec.decode(codec.encode(name, record)) == (name, record)


def test_milestones_have_as_many_partitions_as_the_log_they_come_from() -> None:
    by_name = {topic.name: topic for topic in topics(SharedSettings())}
    assert by_name["milestones"].partitions == by_name["parcel-events"].partitions

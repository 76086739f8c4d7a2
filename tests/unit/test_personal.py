"""What is kept of a refused item of our own, and what is shown of it."""

import json
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from buuta.model.shown import shown_name, shown_place
from services.ingest.domain.item import ScanItem
from services.ingest.domain.personal import HIDDEN, PRIVATE, of_item, shown, without_personal
from services.portal.domain.registration import NewParcel

SAID = {
    "place": "chi Lan", "note": "call 0912345678", "latitude": 21.0, "receiver": "Lan", "phone": "0912345678",
}  # fmt: skip
MUST = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}


def test_every_field_of_our_own_is_named_in_errors() -> None:
    models = list(_kinds(BaseModel))
    assert ScanItem in models
    assert NewParcel in models
    fields = {each: about for model in models for each, about in model.model_fields.items()}
    names = {*fields, *(about.alias for about in fields.values() if about.alias is not None)}
    assert {name for name in names if shown_name(name) != name} == set()


def _kinds(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """All models of the services that derive from one."""
    for each in model.__subclasses__():
        yield from _kinds(each)
        if each.__module__.startswith("services."):
            yield each


@pytest.mark.parametrize("right", [[], *([name] for name in MUST), ["number", "code"], list(MUST)])
def test_an_item_keeps_its_fields_alone_however_wrongly_it_is_spelt(right: list[str]) -> None:
    item = {name if name in right else f"{name}x": value for name, value in MUST.items()} | SAID
    kept = of_item(item)
    assert {name for name, value in kept.items() if value is not None} <= ScanItem.model_fields.keys()
    assert {name: kept[name] for name in right} == {name: MUST[name] for name in right}
    seen = json.loads(shown(json.dumps(kept).encode()))
    assert {name for name in PRIVATE & seen.keys() if seen[name] != HIDDEN} == set()
    assert "Lan" not in json.dumps(seen)
    assert "0912345678" not in json.dumps(seen)


def test_an_item_by_a_carrier_of_another_format_is_kept_as_one() -> None:
    assert without_personal({**MUST, **SAID}, frozenset())["receiver"] is None


@pytest.mark.parametrize(
    "name", ["number", "ORDER_STATUSDATE", "DATA.ORDER_NUMBER", "urn:own:field", "ho_ten", "$id"]
)
def test_the_name_of_a_field_is_shown(name: str) -> None:
    assert shown_name(name) == name
    assert shown_place(("items", 3, name)) == f"items.3.{name}"


@pytest.mark.parametrize(
    "name",
    [
        "BC0912-345-678", "Nguyen.Van.An.90", "NguyenVanAn", "tran_thi_lan", "a.b@c.vn", "x0912345678",
        "Nguyen Lan", "so12/ngo5",
    ],
)  # fmt: skip
def test_what_stands_where_names_of_fields_should_is_not_shown_if_it_reads_as_a_person(name: str) -> None:
    assert shown_name(name) == "(not shown)"

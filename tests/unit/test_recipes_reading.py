"""What a recipe's tables can say of a body: nested lists, places in them, parts of texts, several fields as one."""

from collections.abc import Mapping
from typing import Any

import pytest

from buuta.errors import BadItem
from services.ingest.domain.paths import BadPath, read_path
from services.ingest.domain.patterns import BadPattern, read_pattern
from services.ingest.domain.unfolding import MOST_REPORTS, chain_of, unfold

BODY: Mapping[str, Any] = {
    "sent": "now",
    "parcels": [
        {"id": "A", "events": [{"code": 1}, {"code": 2}], "legs": ["x", "y"]},
        {"id": "B", "events": {"code": 3}},
        {"id": "C", "events": None},
    ],
}


def at(path: str, payload: Any = BODY) -> Any:
    return read_path(path).get(payload)


def test_a_path_goes_by_names_places_and_quotation_marks() -> None:
    assert at("sent") == "now"
    assert at("parcels[0].events[-1].code") == 2
    assert at("parcels[1].events[0].code") == 3, "an object is a list of that one"
    assert at("parcels[0].legs[1]") == "y"
    assert at('"at.local".x', {"at.local": {"x": 1}}) == 1
    assert at("SPX Tracking Number", {"SPX Tracking Number": "S"}) == "S"
    for nowhere in ("sent.x", "parcels[9].id", "parcels.id", "parcels[0].legs[5]", "absent[0]"):
        assert at(nowhere) is None


@pytest.mark.parametrize(
    "wrong", ["", "a..b", "a.", ".a", "a[x]", "[].a", "[0]", "a[1", 'a."b', "x" * 301, "a" + ".a" * 20]
)
def test_what_is_no_path_is_said(wrong: str) -> None:
    with pytest.raises(BadPath, match=r"path|begin with a name"):
        read_path(wrong)


def chain(*paths: str) -> Any:
    return chain_of([read_path(path) for path in paths])


def test_each_event_of_each_parcel_is_a_report_in_the_shape_of_its_body() -> None:
    found = unfold(chain("parcels[].id", "parcels[].events[].code", "sent"), BODY)
    code, number = read_path("parcels[].events[].code"), read_path("parcels[].id")
    assert [(number.get(each), code.get(each)) for each in found] == [("A", 1), ("A", 2), ("B", 3)]
    assert all(each["sent"] == "now" for each in found)
    again = [unfold(chain("parcels[].events[].code"), each) for each in found]
    assert again == [[each] for each in found], "what was set aside reads once more as it is"


def test_an_array_of_bodies_is_read_as_each_of_them_whatever_the_recipe() -> None:
    assert unfold((), [{"a": 1}, {"a": 2}]) == [{"a": 1}, {"a": 2}]
    assert unfold((), {"a": 1}) == [{"a": 1}]
    assert len(unfold(chain("parcels[].id"), [BODY, BODY])) == 6


def test_a_body_without_its_list_is_one_report_whose_fields_are_missing() -> None:
    assert unfold(chain("parcels[].id"), {"sent": "now"}) == [{"sent": "now"}]
    assert unfold(chain("parcels[].id"), {"parcels": []}) == []
    assert unfold(chain("parcels[].id"), {"parcels": "x"}) == [{"parcels": ["x"]}]


def test_lists_side_by_side_are_refused_since_nothing_says_which_belong_together() -> None:
    with pytest.raises(ValueError, match=r"parcels\[\].id and events\[\].code go through two lists"):
        chain("events[].code", "parcels[].id")
    assert chain("a[0].b[].c", "a[0].x") == ("a", 0, "b", None)


def test_too_many_reports_and_too_much_beside_each_are_refused() -> None:
    with pytest.raises(BadItem, match="more than 1000 reports"):
        unfold(chain("e[].c"), {"e": [{}] * (MOST_REPORTS + 1)})
    with pytest.raises(BadItem, match="stands around"):
        unfold(chain("e[].c"), {"e": [{}] * 500, "note": "x" * 20_000})
    assert len(unfold(chain("e[].c"), {"e": [{"note": "x" * 20_000}] * 500})) == 500


def test_a_pattern_takes_a_part_out_of_a_text_in_linear_time() -> None:
    assert read_pattern(r"^(?P<value>[A-Z0-9]+) - ").part_of("890100 - KTC1 Vĩnh Long") == "890100"
    assert read_pattern(r"(?P<value>x)").part_of("y") == ""
    assert read_pattern(r"(?P<value>(a+)+)$").part_of("a" * 1_999 + "b") == ""


@pytest.mark.parametrize(
    "wrong", ["(", r"(?=a)(?P<value>b)", r"(?P<value>a)\1", "a(b)", "(?P<other>a)", "a" * 501]
)
def test_what_is_no_pattern_is_said(wrong: str) -> None:
    with pytest.raises(BadPattern, match=r"pattern|name the part"):
        read_pattern(wrong)

"""Which payload tells of a parcel: its number as such, however it is written, and not a part of another number."""

import json

import pytest

from buuta.audit.forgetting import tells_of


@pytest.mark.parametrize(
    "said",
    [
        {"number": "Z82BS"}, {"OrderCode": " z82bs "}, {"deep": [{"er": ["x", "Z82 BS"]}]},
        {"note": "về Z82BS, nhé"}, {"note": "giao Z82BS cho anh"}, {"note": "don hang z 82 bs giao 9h"},
        {"epcList": ["urn:buuta:parcel:Z82BS"]}, {"Z82BS": 1}, {"key": "vnp:Z82BS", "details": "{}"},
    ],
)  # fmt: skip
def test_a_payload_that_names_the_number_tells_of_it(said: object) -> None:
    assert tells_of(json.dumps(said).encode(), "Z82BS")


@pytest.mark.parametrize(
    "said", [{"number": "Z82BSX"}, {"number": "AZ82BS"}, {"n": "Z82B S1"}, {}, [], 82, None]
)
def test_a_payload_of_a_neighbour_does_not(said: object) -> None:
    assert not tells_of(json.dumps(said).encode(), "Z82BS")


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("urn:epc:id:sscc:0614141.1234567890", "106141412345678908"),
        ("https://id.gs1.org/00/106141412345678908", "106141412345678908"),
        ("urn:buuta:parcel:z82%42s", "Z82BS"),
    ],
)
def test_a_parcel_is_found_by_what_its_uri_names(uri: str, number: str) -> None:
    assert tells_of(json.dumps({"eventList": [{"epcList": [uri]}]}).encode(), number)
    assert not tells_of(json.dumps({"eventList": [{"epcList": [uri]}]}).encode(), number[:-1])


def test_a_number_that_is_a_number_in_json_is_found() -> None:
    assert tells_of(b'{"ORDER_NUMBER": 1684063821201}', "1684063821201")
    assert not tells_of(b'{"ORDER_NUMBER": 16840638212011}', "1684063821201")


@pytest.mark.parametrize(
    "plain", [b"\x1aZ82BS\x02", b"a;Z82BS;b", b'{"number": "z82bs"', b"[" * 100_000 + b"Z82BS"]
)
def test_in_bytes_that_are_no_json_a_part_is_enough(plain: bytes) -> None:
    assert tells_of(plain, "Z82BS")

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import BadItem
from buuta.model.identifiers import (
    event_id,
    normalise_number,
    one_place,
    one_spelling,
    s10_check_digit,
    s10_flag,
)
from buuta.model.shapes import is_facility


@pytest.mark.parametrize(
    ("serial", "digit"),
    [("47312482", 9), ("12345678", 5), ("00000000", 5), ("00000008", 0), ("00000015", 5), ("98765432", 6)],
)
def test_the_s10_check_digit_follows_the_upu_vectors(serial: str, digit: int) -> None:
    assert s10_check_digit(serial) == digit


@pytest.mark.parametrize("number", ["RB123456785GB", "EN533720370JP", "Z82BS", "S1.A1.17373471"])
def test_a_good_s10_number_and_a_number_of_another_kind_are_not_flagged(number: str) -> None:
    assert s10_flag(number) is None


@pytest.mark.parametrize("number", ["RB123456786US", "EJ012345678VN"])
def test_a_failing_s10_number_is_flagged_and_never_refused(number: str) -> None:
    assert s10_flag(number) == "check_digit"
    assert normalise_number(number) == number


def test_spaces_and_case_make_no_difference() -> None:
    assert normalise_number(" ej 012 345 678 vn ") == "EJ012345678VN"


@pytest.mark.parametrize(
    "raw",
    [
        "EJ-012345678-VN", "EJ 012 345 678 VN", "ej.012.345.678.vn", "EJ_012345678_VN", "\u200bEJ012345678VN\ufeff",
        "EJ\u00ad012345678\u2060VN", "ＥＪ０１２３４５６７８ＶＮ", "EJ\u2011012345678\u2013VN",
        "EJ\u00a0012\u202f345\u3000678 VN",
        "\u202aEJ012345678VN\u202c", "ej－012345678－vn",
    ],
)  # fmt: skip
def test_however_a_number_is_written_apart_or_pasted_it_is_one(raw: str) -> None:
    assert normalise_number(raw) == "EJ012345678VN"


@pytest.mark.parametrize(
    "number", ["AB-2026-0001234", "S1.A1.17373471", "S20082184.SGP18-G11.1234567", "A1-000123", "1LS7119013618-1"]
)  # fmt: skip
def test_hyphens_and_dots_that_are_a_numbers_own_stay(number: str) -> None:
    assert normalise_number(number) == one_spelling(number) == number


@pytest.mark.parametrize(
    "raw", ["straße1", "ﬁ123456", "Z82ſ5", "ＺߋߌBS1", "Ζ82ΒS", "EJ٠١٢٣٤٥٦٧٨VN", "1ⅷ23456", "②123456"]
)
def test_what_only_becomes_ascii_is_no_number(raw: str) -> None:
    with pytest.raises(BadItem, match="3 to 50 letters"):
        normalise_number(raw)
    assert not one_spelling(raw).isascii(), "nor may it be looked up as another's"


@given(st.text(max_size=30))
def test_a_number_in_its_one_spelling_is_its_own(raw: str) -> None:
    assert one_spelling(one_spelling(raw)) == one_spelling(raw)
    try:
        number = normalise_number(raw)
    except BadItem:
        return
    assert normalise_number(number) == number == one_spelling(raw)


PLACE = "Bưu Cục 229 Quan Nhân-Q.Thanh Xuân-HN"


@pytest.mark.parametrize(
    "same",
    [
        PLACE.upper(), PLACE.lower(), unicodedata.normalize("NFD", PLACE), unicodedata.normalize("NFC", PLACE),
        PLACE.replace(" ", "  "), f"\t{PLACE}\n", PLACE.replace(" ", "\u00a0"), f"\ufeff{PLACE}",
        unicodedata.normalize("NFD", PLACE.upper()),
    ],
)  # fmt: skip
def test_a_place_in_another_case_or_unicode_form_is_the_same(same: str) -> None:
    assert one_place(same) == one_place(PLACE)
    assert one_place(PLACE) != one_place("Bưu Cục 228 Quan Nhân-Q.Thanh Xuân-HN")
    assert one_place("Cầu Giấy") != one_place("Câu Giây"), "tones tell places apart"


@given(st.text(max_size=40))
def test_a_place_in_its_one_spelling_is_its_own(raw: str) -> None:
    once = one_place(raw)
    assert one_place(once) == once
    assert (
        one_place(unicodedata.normalize("NFD", raw)) == once == one_place(unicodedata.normalize("NFC", raw))
    )


@pytest.mark.parametrize("raw", ["", "AB", "A" * 51, "Z82\x00BS", "<script>", "Mã số", "a:b"])
def test_what_cannot_be_a_number_is_refused_with_what_to_fix(raw: str) -> None:
    with pytest.raises(BadItem, match="3 to 50 letters") as refused:
        normalise_number(raw)
    assert refused.value.code == "number_invalid"


def test_event_ids_keep_columns_apart() -> None:
    assert event_id("ghn", ("a", "bc")) != event_id("ghn", ("ab", "c"))
    assert event_id("ghn", ("a", "b")) != event_id("ghtk", ("a", "b"))


def test_an_event_id_never_changes_since_history_is_keyed_by_it() -> None:
    assert (
        event_id("ghn", ("Z82BS", "delivered", "1636602770158", "")) == "759ac8fb1dbdb4cb70ff3d7e9203c973"
    )


@pytest.mark.parametrize(
    "typed",
    [
        "0912345678", "+84912345678", "84912345678", "0084 912 345 678", "0912.345.678", "091-234-5678",
        "02838221234", "A-0912345678", "NGUYENVANLAN", "Nguyen Van Lan", "Le Thi Lan", "lan@example.vn",
        "NGUYEN.VAN.LAN", "Nguyễn Lan",
    ],
)  # fmt: skip
def test_a_telephone_number_or_a_name_is_no_tracking_number(typed: str) -> None:
    with pytest.raises(BadItem, match="telephone number"):
        normalise_number(typed)
    assert not is_facility(typed)


@pytest.mark.parametrize(
    "typed", ["079123456789", "ID079123456789", "123456789", "Lan", "hub", "TRANTHILAN"]
)
def test_an_identity_card_or_a_word_is_no_facility(typed: str) -> None:
    assert not is_facility(typed)

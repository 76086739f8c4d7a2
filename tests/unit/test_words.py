"""The words: one table for pages, SMS and e-mail, and every language has every one."""

import re
from pathlib import Path
from string import Formatter
from typing import Any, Final

import pytest

from buuta.model.milestone import MilestoneKind
from buuta.model.statuses import DeliveryMode, Reason, Status
from buuta.wording import words as table
from buuta.wording.carriers import directory, known_carrier
from buuta.wording.messages import words
from buuta.wording.words import LANGUAGES, next_step, status_word, tables
from services.notifier.domain.rules import BACKOFF_SECONDS, TOLD, pause_after
from services.notifier.domain.sms import segment, unaccented

LONGEST_NUMBER: Final = "S20082184.SGP18-G11.1234567"
PORTAL: Final = Path(__file__).parents[2] / "services" / "portal"
MODES: Final = (None, *DeliveryMode)


def milestone(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "ordinal": 2, "carrier": "ghtk", "number": LONGEST_NUMBER, "delivery_mode": None,
            "occurred_at": 1478063919000, "offset_minutes": 0} | more  # fmt: skip


@pytest.mark.parametrize("kind", sorted(TOLD))
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("carrier", ["ghtk", "viettelpost", "s10", "unknowncarrier1x"])
def test_every_told_milestone_has_a_sentence_that_fits_two_sms_in_gsm(
    kind: str, language: str, carrier: str
) -> None:
    for more in ({"delivery_mode": mode} for mode in MODES):
        said = words(milestone(kind, carrier=carrier, **more), language, "https://buuta.example.vn")
        assert LONGEST_NUMBER in said.sentence
        cut = segment(unaccented(f"{said.sentence} {said.page}"), 0)
        assert not cut.ucs2
        assert len(cut.parts) <= 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_clock_of_a_message_is_the_places_however_the_carrier_wrote_it(language: str) -> None:
    assert "02/11/2016 12:18" in words(milestone("delivered", offset_minutes=0), language, "x").sentence


def test_a_day_without_a_clock_is_told_without_one_and_another_zone_is_named() -> None:
    day = words(milestone("delivered", day_only=True), "vi", "x").sentence
    assert "đã giao ngày 02/11/2016." in day
    tokyo = words(milestone("delivered", zone="Asia/Tokyo"), "en", "x").sentence
    assert "delivered at 02/11/2016 14:18 (UTC+9)." in tokyo


@pytest.mark.parametrize("mode", MODES)
def test_a_delivery_says_how_only_where_it_is_known(mode: str | None) -> None:
    said = words(milestone("delivered", delivery_mode=mode), "en", "x").sentence
    assert ("address" in said) == (mode == "address")


def test_a_delivery_in_part_says_where_the_rest_goes() -> None:
    said = words(milestone("delivered", delivery_mode="address", partial_return=True), "vi", "x").sentence
    assert "giao một phần" in said
    assert "chuyển hoàn cho người gửi" in said


@pytest.mark.parametrize("kind", ["returning", "returned"])
def test_of_a_partial_return_nobody_hears_that_all_goes_back(kind: str) -> None:
    """A carrier may flag the leg of the part before the delivery is reported (GHTK's 20 before its 5)."""
    assert "Một phần" in words(milestone(kind, partial_return=True), "vi", "x").sentence
    assert "Một phần" not in words(milestone(kind), "vi", "x").sentence


def test_told_kinds_are_milestone_kinds() -> None:
    assert set(TOLD) <= {str(kind) for kind in MilestoneKind}


def test_no_language_lacks_a_word() -> None:
    vietnamese, english = (
        {name: set(each) for name, each in tables(language).items()} for language in LANGUAGES
    )
    assert vietnamese == english


def test_every_status_reason_and_mode_has_a_word_and_every_status_says_what_comes_next() -> None:
    for name, keys in (("status", Status), ("reason", Reason), ("mode", DeliveryMode)):
        assert set(tables("vi")[name]) == {str(key) for key in keys}
    for language in LANGUAGES:
        for status in Status:
            for reason in (None, *Reason):
                assert next_step(status, reason, language)


def test_what_comes_next_for_a_reason_is_of_a_status_and_a_reason_that_there_are() -> None:
    rows = [key.partition(".") for key in tables("vi")["next"]]
    assert {status for status, _, _ in rows} == {str(each) for each in Status}
    assert {reason for _, _, reason in rows if reason} <= {str(each) for each in Reason}


def test_a_status_that_is_called_otherwise_for_a_reason_has_both() -> None:
    rows = [key.partition(".") for key in tables("vi")["status_for"]]
    assert all(status in set(Status) and reason in set(Reason) for status, _, reason in rows)
    assert status_word("damaged", "partner_cancelled", "en") == "Destroyed as the sender asked"
    assert status_word("damaged", "lost", "en") == status_word("damaged", None, "en") == "Damaged"
    told = words(milestone("damaged", reason="partner_cancelled"), "vi", "x").sentence
    assert "tiêu hủy theo yêu cầu của người gửi" in told


def test_no_word_of_the_pages_is_left_over() -> None:
    places = [*PORTAL.glob("templates/*.html"), PORTAL / "domain" / "view.py"]
    used = "".join(path.read_text(encoding="utf-8") for path in places)
    assert [key for key in tables("vi")["page"] if f'"{key}"' not in used and f"'{key}'" not in used] == []


def test_sentences_of_both_languages_are_filled_with_the_same() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for name in tables("vi"):
        for key, text in tables("vi")[name].items():
            other = fields(tables("en")[name][key])
            assert fields(text) ^ other <= {"ordinal"}, f"{name}.{key}"


WRONG_VIETNAMESE: Final = {
    "khi giao tiếp": "khi tiếp tục giao", "chuyển hoàn người gửi": "chuyển hoàn cho người gửi",
    "mã bưu gửi": "mã vận đơn", "nhận gửi lúc": "nhận hàng từ người gửi",
}  # fmt: skip


def test_vietnamese_is_read_by_its_rules() -> None:
    for name, entries in tables("vi").items():
        for key, text in entries.items():
            for wrong in WRONG_VIETNAMESE:
                assert wrong not in text.lower(), f"{name}.{key}"
            assert "  " not in text
            assert text == text.strip()
            assert not re.search(r"\s[.,;:?!]", text), f"{name}.{key}: no space before a point"
    assert table.word("status", "accepted", "vi") == "Đã nhận hàng từ người gửi"
    assert "khi tiếp tục giao" in table.word("told", "held", "vi")


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [
        (None, "", "vi"), ("en", "vi", "en"), ("xx", "en-GB,en;q=0.9", "en"), (None, "fr,en;q=0.3", "en"),
        (None, "en;q=0.2,vi;q=0.8", "vi"), (None, "en;q=abc", "vi"), (None, "*", "vi"), ("EN", "vi", "en"),
        ("en-US", "vi", "en"), ("vi_VN", "en", "vi"), (None, "EN-us", "en"), (None, "eng", "vi"),
    ],
)  # fmt: skip
def test_the_language_is_the_links_then_the_browsers_then_vietnamese(
    asked: str | None, header: str, language: str
) -> None:
    assert table.choose(asked, header) == language


def test_carriers_are_known_by_name_and_hotline() -> None:
    assert known_carrier("ghn", "GHN", "vi")[:3] == ("Giao Hàng Nhanh", "GHN", "1900 636677")
    for code, known in directory().items():
        assert re.fullmatch("[a-z][a-z0-9]{1,15}", code)
        assert known.hotline is not None
        assert re.fullmatch(r"1[89]00 \d{4,6}", known.hotline)


@pytest.mark.parametrize(
    ("code", "named", "name", "hotline"),
    [
        ("ghn", "ghn", "Giao Hàng Nhanh", "1900 636677"), ("ghn", None, "Giao Hàng Nhanh", "1900 636677"),
        ("ghn", "GHN Express", "GHN Express", "1900 636677"), ("abc", "Xe Khách ABC", "Xe Khách ABC", None),
        ("abc", "abc", "ABC", None), ("s10", None, "Bưu điện", None),
    ],
)  # fmt: skip
def test_an_operators_name_of_a_carrier_goes_before_ours(
    code: str, named: str | None, name: str, hotline: str | None
) -> None:
    known = known_carrier(code, named, "vi")
    assert (known.name, known.hotline) == (name, hotline)


def test_attempts_pause_longer_and_end() -> None:
    pauses = [pause_after(attempt) for attempt in range(1, len(BACKOFF_SECONDS) + 1)]
    assert pauses == sorted(BACKOFF_SECONDS)
    assert pause_after(len(BACKOFF_SECONDS) + 1) is None

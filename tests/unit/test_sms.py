"""SMS pieces: 3GPP TS 23.038 and 23.040."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.sms import BASIC, EXTENSION, segment, unaccented

GSM_TEXT = st.text(alphabet=[each for each in BASIC if each != "\x1b"] + list(EXTENSION), max_size=600)
BACK = {code: character for character, code in EXTENSION.items()}


def read_gsm(parts: list[bytes]) -> str:
    text = ""
    for part in parts:
        escaped = False
        for code in part:
            if escaped:
                text += BACK[code]
            elif code != 0x1B:
                text += BASIC[code]
            escaped = code == 0x1B and not escaped
        assert not escaped, "a piece ends in the middle of a character"
    return text


def payloads(text: str) -> tuple[bool, list[bytes]]:
    cut = segment(text, 7)
    if len(cut.parts) == 1:
        return cut.ucs2, list(cut.parts)
    for place, part in enumerate(cut.parts, 1):
        assert part[:6] == bytes([5, 0, 3, 7, len(cut.parts), place])
    return cut.ucs2, [part[6:] for part in cut.parts]


@given(GSM_TEXT)
def test_gsm_text_reads_back_and_no_character_is_split(text: str) -> None:
    ucs2, parts = payloads(text)
    assert not ucs2
    assert read_gsm(parts) == text
    assert all(len(part) <= (160 if len(parts) == 1 else 153) for part in parts)


@given(
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=200).map(lambda text: "ơ" + text)
)
def test_other_text_is_ucs2_and_no_character_is_split(text: str) -> None:
    ucs2, parts = payloads(text)
    assert ucs2
    assert "".join(part.decode("utf-16-be") for part in parts) == unicodedata.normalize("NFC", text)
    assert all(len(part) <= (140 if len(parts) == 1 else 134) for part in parts)


def test_a_decomposed_letter_costs_one_character() -> None:
    decomposed = unicodedata.normalize("NFD", "ế" * 70)
    assert len(segment(decomposed, 0).parts) == 1


@pytest.mark.parametrize(("length", "pieces"), [(160, 1), (161, 2), (306, 2), (307, 3)])
def test_gsm_limits(length: int, pieces: int) -> None:
    assert len(segment("a" * length, 0).parts) == pieces


@pytest.mark.parametrize(("length", "pieces"), [(70, 1), (71, 2), (134, 2), (135, 3)])
def test_ucs2_limits(length: int, pieces: int) -> None:
    assert len(segment("đ" * length, 0).parts) == pieces


def test_a_character_of_the_extension_table_counts_twice() -> None:
    assert len(segment("€" * 80, 0).parts) == 1
    assert len(segment("€" * 81, 0).parts) == 2


def test_a_text_that_no_phone_should_get_is_refused() -> None:
    with pytest.raises(ValueError, match="10 are the most"):
        segment("a" * 2000, 0)


def test_vietnamese_without_accents_stays_in_gsm() -> None:
    assert unaccented("Bưu gửi đã được Giao Đến") == "Buu gui da duoc Giao Den"

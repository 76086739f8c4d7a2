"""Numbers are found as people paste them: spaced, in a message, in a link of ours or of a carrier."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.domain.search import LONGEST, MOST, cleaned, sought

SPACED = {
    "as it is": "Z82BS", "lower case": "z82bs", "spaces": " Z 82 BS ", "no-break space": "Z82\u00a0BS",
    "thin and ideographic": "Z\u200982\u3000BS", "zero-width": "\ufeffZ8\u200b2\u200dBS\u2060",
    "soft hyphen": "Z82\u00adBS",
    "full width": "Ｚ８２ＢＳ", "lines": "Z82\nBS\t", "a point behind": "Z82BS.", "in brackets": "(Z82BS)",
    "quoted": "“Z82BS”", "a hash": "#Z82BS", "right to left": "\u202eZ82BS\u202c", "hyphens": "Z-82-BS",
    "dashes": "Z–82—BS", "no-break hyphen": "Z82\u2011BS",
}  # fmt: skip


@pytest.mark.parametrize("text", SPACED.values(), ids=SPACED)
def test_a_number_is_found_however_it_is_spaced(text: str) -> None:
    assert "Z82BS" in {one.number for one in sought(text)}


@pytest.mark.parametrize(
    "text", ["EJ 012 345 678 VN", "EJ-012345678-VN", "ej012345678vn", "EJ‑012‑345‑678‑VN"]
)
def test_an_s10_number_is_found_as_it_is_printed(text: str) -> None:
    assert "EJ012345678VN" in {one.number for one in sought(text)}


LINKS = {
    "https://x.vn/t/ghn/Z82BS?lang=en": ("Z82BS", "ghn"), "portal.vn/t/GHN/z82bs#x": ("Z82BS", "ghn"),
    "https://x.vn/t/ghn/%20z82%E2%80%8Bbs": ("Z82BS", "ghn"), "https://x.vn/t/Z82BS": ("Z82BS", None),
    "https://x.vn/t?number=Z82BS&lang=vi": ("Z82BS", None), "https://x.vn/v1/parcels/ghn/Z82BS": ("Z82BS", None),
    "https://donhang.ghn.vn/?order_code=Z82BS": ("Z82BS", None),
    "https://donhang.ghn.vn/?order_code=GYHPRAXX": ("GYHPRAXX", None),
    "https://spx.vn/track?SPXVN03430656076C": ("SPXVN03430656076C", None),
    "https://spx.vn/#/track/SPXVN03430656076C": ("SPXVN03430656076C", None),
    "https://i.ghtk.vn/S1.A1.17373471": ("S1.A1.17373471", None),
    "https://jtexpress.vn/vi/tracking?type=track&billcode=862195772225&cellphone=8674": ("862195772225", None),
    "https://jtexpress.vn/vi/tracking?cellphone=8674&billcode=862195772225": ("862195772225", None),
    "https://viettelpost.com.vn/tra-cuu-hanh-trinh-don/?peopleTracking=1684063821201": ("1684063821201", None),
    "https://www.vnpost.vn/vi-vn/dinh-vi/buu-pham/key/CQ724476204VN": ("CQ724476204VN", None),
    "https://www.vnpost.vn/vi-vn/dinh-vi/buu-pham?key=CQ724476204VN": ("CQ724476204VN", None),
    "https://best-inc.vn/track?bills=84123,84124567890": ("84124567890", None),
    "https://l.facebook.com/l.php?u=https%3A%2F%2Fx.vn%2Ft%2Fghn%2FZ82BS%3Flang%3Dvi&h=AT0xx1234": ("Z82BS", "ghn"),
}  # fmt: skip


@pytest.mark.parametrize(("link", "wanted"), LINKS.items())
def test_a_number_is_found_in_a_link(link: str, wanted: tuple[str, str | None]) -> None:
    assert wanted in {tuple(one) for one in sought(link)}
    assert wanted in {tuple(one) for one in sought(f"Theo dõi tại {link}")}


@pytest.mark.parametrize(
    "text",
    [
        "Mã vận đơn: Z82BS", "GHN Z82BS", "Đơn hàng của bạn (mã Z82BS) đang giao", "SPX: Z82 BS", "mvd:z82bs",
        "Bưu gửi Z82BS đã giao lúc 24/11/2026 16:25. http://127.0.0.1:8082/t/ghn/Z82BS?lang=vi",
    ],
)  # fmt: skip
def test_a_number_is_found_in_a_message(text: str) -> None:
    assert "Z82BS" in {one.number for one in sought(text)}


@pytest.mark.parametrize(
    "text", ["", " ", "\u200b", "a/b", "https://[bad", "https://", "xin chào các bạn nhé", "?"]
)
def test_what_has_no_number_has_none(text: str) -> None:
    assert sought(text) == []


def test_a_carriers_own_hyphens_and_points_stay() -> None:
    assert sought("S20082184.SGP18-G11.1234567")[0].number == "S20082184.SGP18-G11.1234567"


@given(st.text(max_size=200))
def test_any_text_is_read_within_bounds(text: str) -> None:
    assert len(sought(text)) <= MOST
    assert cleaned(text) == cleaned(cleaned(text))


def test_a_long_text_is_read_as_far_as_it_goes() -> None:
    assert len(cleaned("z" * 10 * LONGEST)) <= LONGEST
    assert len(sought("https://x.vn/?" + "&".join(f"a{n}=Z{n:04}B" for n in range(500)))) == MOST

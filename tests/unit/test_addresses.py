"""Addresses to ask at hold no secret that is shown, and lead out of our own house."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import BadItem
from services.ingest.domain.addresses import checked, is_near, shown, with_secret


@pytest.mark.parametrize(
    "url",
    [
        "https://me:pass@carrier.vn/", "https://me@carrier.vn/", "https://carrier.vn/?api_key=abc",
        "https://carrier.vn/?a=1&Token=abc", "https://carrier.vn/?key=1", "https://carrier.vn/?X-Amz-Signature=1",
        "https://carrier.vn/?client_secret=", "https://carrier.vn/#token=1", "https://carrier.vn/?PASSWORD=x",
    ],
)  # fmt: skip
def test_an_address_with_a_secret_in_it_is_refused_and_told_where_it_belongs(url: str) -> None:
    with pytest.raises(BadItem, match="--secret-file") as refused:
        checked(url)
    assert "abc" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://x/", "//carrier.vn", "http://", "https://a b/", "https://[::1", "https://x:y/",
     "https://carrier.vn/\n", "https://carrier.vn:99999/", "https://carrier.vn/" + "x" * 3_000, "https://bưu.vn/"],
)  # fmt: skip
def test_what_is_no_address_of_http_is_refused(url: str) -> None:
    with pytest.raises(BadItem, match="no address to ask at"):
        checked(url)


def test_a_key_that_belongs_into_the_address_is_put_there_at_the_last_moment() -> None:
    url = checked("https://carrier.vn/events?api_key={secret}&kind=scan")
    assert with_secret(url, "a&b=c") == "https://carrier.vn/events?api_key=a%26b%3Dc&kind=scan"
    assert shown(url) == url


def test_what_was_kept_before_is_shown_without_its_secrets() -> None:
    assert (
        shown("https://me:pass@carrier.vn/e?token=abc&kind=scan#x")
        == "https://carrier.vn/e?token=***&kind=scan"
    )


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
     "2002:7f00:1::", "ff02::1"],
)  # fmt: skip
def test_an_address_of_our_own_house_is_near_however_it_is_written(address: str) -> None:
    assert is_near(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "203.162.4.191", "2001:4860:4860::8888", "64:ff9b::808:808"]
)
def test_an_address_elsewhere_is_not_near(address: str) -> None:
    assert not is_near(address)


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_written_is_an_address_or_refused(host: str, query: str) -> None:
    try:
        url = checked(f"https://{host}/?{query}")
    except BadItem:
        return
    assert shown(url).startswith("https://")

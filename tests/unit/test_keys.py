"""What a key opens: networks, a bucket of scans, signatures that anybody's library makes."""

import ast
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from buuta.errors import Forbidden
from services.ingest.domain import signature
from services.ingest.domain.keys import Bucket, Key, Kind, Limits, Scope

INGEST = Path(signature.__file__).parents[1]
NOW = datetime(2026, 11, 25, tzinfo=UTC)
SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"
BODY = '[{"number":"Z82BS"}]'
TARGET = signature.Target("POST", "/v1/scans?a=1", "application/json")
PAYLOAD = f"POST /v1/scans?a=1\napplication/json\n{BODY}"


def key(*networks: str, expires_at: datetime | None = None) -> Key:
    nets = tuple(map(ip_network, networks))
    return Key(1, "ghn", Kind.API, frozenset(Scope), nets, False, Limits(10, 100), expires_at)


@pytest.mark.parametrize(
    ("networks", "address", "opens"),
    [((), "203.0.113.9", True), ((), "", True), (("203.0.113.0/24",), "203.0.113.9", True),
     (("203.0.113.0/24",), "203.0.114.9", False), (("203.0.113.0/24", "2001:db8::/32"), "2001:db8::7", True),
     (("203.0.113.0/24",), "", False), (("203.0.113.0/24",), "2001:db8::7", False)],
)  # fmt: skip
def test_a_key_opens_from_its_networks_or_from_anywhere(
    networks: tuple[str, ...], address: str, *, opens: bool
) -> None:
    assert key(*networks).opens_from(address) is opens


def test_a_key_holds_until_its_end() -> None:
    assert key().is_valid(NOW)
    assert key(expires_at=NOW + timedelta(seconds=1)).is_valid(NOW)
    assert not key(expires_at=NOW).is_valid(NOW)


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 3)), min_size=1, max_size=40))
def test_over_any_time_no_more_passes_than_the_rate_and_one_burst(asked: list[tuple[int, float]]) -> None:
    bucket, now, passed, largest = Bucket(10), 100.0, 0, 0
    for scans, pause in asked:
        now += pause
        if not bucket.take(scans, now):
            passed, largest = passed + scans, max(largest, scans)
    assert passed <= 10 * (now - 100.0) + 10 + largest


def test_a_batch_larger_than_a_second_passes_when_nothing_was_sent_before_and_is_paid_back() -> None:
    bucket = Bucket(10)
    assert bucket.take(40, 1.0) == 0
    assert bucket.take(1, 1.0) == pytest.approx(3.1)
    assert bucket.take(1, 4.0) > 0
    assert bucket.take(1, 4.2) == 0


def signed(secret: str = SECRET, at: datetime = NOW, payload: str = PAYLOAD) -> dict[str, str]:
    """Headers as the vendors' own library makes them."""
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, payload),
    }


def test_a_signature_of_the_standards_own_library_fits() -> None:
    signature.check(SECRET, signed(), TARGET.signed(BODY.encode()), NOW.timestamp())
    both = signed()
    both["webhook-signature"] = f"v1,AAAA v2,x {both['webhook-signature']}"
    signature.check(SECRET, both, TARGET.signed(BODY.encode()), NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        (signed(secret=f"whsec_{b64encode(bytes(32)).decode()}"), BODY, "no signature"),
        (signed(payload=PAYLOAD.replace("Z82BS", "Z82BT")), BODY, "no signature"),
        ({**signed(), "webhook-id": "msg_2"}, BODY, "no signature"),
        (signed(at=NOW - timedelta(minutes=6)), BODY, "within five minutes"),
        (signed(at=NOW + timedelta(minutes=6)), BODY, "within five minutes"),
        ({**signed(), "webhook-timestamp": "now"}, BODY, "within five minutes"),
        ({**signed(), "webhook-timestamp": "٣"}, BODY, "within five minutes"),
        ({"webhook-signature": "v1,x"}, BODY, "the header webhook-id"),
        ({**signed(), "webhook-signature": "v1,Ỡ"}, BODY, "no signature"),
        ({**signed(), "webhook-signature": ""}, BODY, "no signature"),
    ],
)
def test_a_signature_that_does_not_fit_says_why(headers: dict[str, str], body: str, says: str) -> None:
    with pytest.raises(Forbidden, match=says):
        signature.check(SECRET, headers, TARGET.signed(body.encode()), NOW.timestamp())


@pytest.mark.parametrize(
    "other",
    [TARGET._replace(method="PUT"), TARGET._replace(path_and_query="/v1/scans/withdraw?a=1"),
     TARGET._replace(path_and_query="/v1/scans?a=2"), TARGET._replace(path_and_query="/v1/scans"),
     TARGET._replace(content_type="application/x-ndjson"), TARGET._replace(content_type="")],
)  # fmt: skip
def test_a_signature_is_good_for_the_request_that_was_signed_and_for_no_other(
    other: signature.Target,
) -> None:
    with pytest.raises(Forbidden, match="no signature"):
        signature.check(SECRET, signed(), other.signed(BODY.encode()), NOW.timestamp())


def test_which_world_is_a_keys_is_decided_at_the_gate_and_nowhere_else() -> None:
    """What is real and what is of the sandbox: whoever asks again may answer otherwise, or forget to ask."""
    asked = [
        path.relative_to(INGEST).as_posix()
        for path in sorted(INGEST.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "sandbox"
        and isinstance(node.value, ast.Attribute) and node.value.attr == "key"
    ]  # fmt: skip
    assert asked == ["doors/gate.py"]

"""What a key opens: networks, a bucket of scans, signatures that anybody's library makes."""

import ast
import re
import subprocess
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from buuta.errors import Forbidden
from buuta.web.heads import ONCE, ONCE_BEGIN
from services.ingest.domain import signature
from services.ingest.domain.keys import Bucket, Key, Kind, Limits, Scope

INGEST = Path(signature.__file__).parents[1]
WEB = INGEST.parents[1] / "buuta" / "web"
DOCS = INGEST.parents[1] / "docs"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"
BODY = '[{"number":"Z82BS"}]'
HEADERS = (
    (b"host", b"buuta"), (b"idempotency-key", b"k1"), (b"gs1-capture-error-behaviour", b"proceed"),
    (b"content-type", b"application/json"), (b"content-encoding", b"gzip"),
)  # fmt: skip
TARGET = signature.Target(b"POST", b"/v1/scans?a=1", HEADERS)
PAYLOAD = f"""POST /v1/scans?a=1
content-encoding:gzip
content-type:application/json
gs1-capture-error-behaviour:proceed
idempotency-key:k1

{BODY}"""


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


def with_header(name: bytes, value: bytes | None) -> signature.Target:
    """The same request with another value of a header, or without it."""
    others = [each for each in HEADERS if each[0] != name]
    return TARGET._replace(headers=others if value is None else [*others, (name, value)])


@pytest.mark.parametrize(
    "other",
    [TARGET._replace(method=b"PUT"), TARGET._replace(path_and_query=b"/v1/scans/withdraw?a=1"),
     TARGET._replace(path_and_query=b"/v1/scans?a=2"), TARGET._replace(path_and_query=b"/v1/scans"),
     *(with_header(name, value) for name, _ in HEADERS[1:] for value in (b"other", b"", None)),
     with_header(b"gs1-epcis-version", b"2.0.0"), with_header(b"gs1-anything-new", b"x"),
     TARGET._replace(headers=[*HEADERS, HEADERS[1]])],
)  # fmt: skip
def test_a_signature_is_good_for_the_request_that_was_signed_and_for_no_other(
    other: signature.Target,
) -> None:
    with pytest.raises(Forbidden, match="no signature"):
        signature.check(SECRET, signed(), other.signed(BODY.encode()), NOW.timestamp())


def test_a_line_of_a_header_can_not_be_moved_into_the_body() -> None:
    moved = TARGET._replace(headers=[each for each in HEADERS if each[0] != b"idempotency-key"])
    with pytest.raises(Forbidden, match="no signature"):
        signature.check(
            SECRET, signed(), moved.signed(b"idempotency-key:k1\n\n" + BODY.encode()), NOW.timestamp()
        )


def test_what_does_not_steer_may_be_changed_on_the_way() -> None:
    for name, value in ((b"host", b"inside"), (b"x-forwarded-for", b"203.0.113.9"), (b"via", b"1.1 proxy")):
        signature.check(SECRET, signed(), with_header(name, value).signed(BODY.encode()), NOW.timestamp())


READ_HEADER = re.compile(r'headers(?:\.get\(|\[)"([a-z-]+)"|Header\([^)]*?alias="([A-Za-z0-9-]+)"')
NO_STEERING = {"authorization": "names the key itself", "webhook-id": "is signed apart"}


def test_every_header_that_a_door_reads_is_signed() -> None:
    """Parameters of FastAPI are headers by their own name or an alias; the rest is read by name."""
    sources = [*sorted(INGEST.rglob("*.py")), WEB / "bearer.py", WEB / "guarded.py", WEB / "bodies.py"]
    read = {
        (found[1] or found[2]).lower()
        for path in sources
        if path.name != "polling.py"
        for found in READ_HEADER.finditer(path.read_text(encoding="utf-8"))
    } | {"idempotency-key"}
    assert {"content-type", "content-encoding", "gs1-capture-error-behaviour"} <= read
    assert [name for name in sorted(read) if not signature.steers(name) and name not in NO_STEERING] == []
    assert [name for name in signature.STEERING if name.encode() not in ONCE] == [], (
        "what is signed is sent once"
    )
    assert ONCE_BEGIN.decode() == signature.STEERING_BEGIN


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / "signing.md").read_text(encoding="utf-8"), re.DOTALL)


def sample() -> dict[str, str]:
    """The headers that the page's samples come to, all with one secret, id and time."""
    [said] = [block for block in blocks("") if "webhook-signature" in block]
    return dict(line.split(": ", 1) for line in said.strip().splitlines())


def test_the_samples_of_the_page_make_the_signature_that_is_checked() -> None:
    [code], [commands] = blocks("python"), blocks("sh")
    found: dict[str, Any] = {}
    exec(code, found)
    ran = subprocess.run(["bash", "-euc", f"curl() {{ :; }}\n{commands}\necho \"$signature\""],
                         capture_output=True, check=True, text=True)  # fmt: skip
    headers, at = sample(), float(sample()["webhook-timestamp"])
    assert ran.stdout.strip() == found["signature"] == headers["webhook-signature"]
    steering = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    target = signature.Target(b"POST", b"/v1/scans", steering)
    signature.check(found["secret"], headers, target.signed(found["body"]), at)


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

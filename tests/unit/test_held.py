"""What a sender writes is taken apart in C, which lets no other thread go on: at most a fifth of a second at once.

Measured is the processor time of the thread that reads, between two beats of another thread: a busy machine is no
slow code. The tests' heap is not a service's, so no garbage is collected meanwhile.
"""

import gc
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import fastavro
import pytest

from buuta.web.bodies import MOST_HOLDERS, parse_json
from buuta.web.problems import Problem
from services.ingest.domain.texts import text_of
from services.ingest.domain.webhook import Webhook
from services.ingest.doors import manifests, sent
from services.ingest.doors.batch import AVRO, JSON, NDJSON, read_batch
from services.ingest.doors.forms import read_text_body
from services.ingest.intake import MOST_KEPT
from services.ingest.settings import IngestSettings

LIMIT_SECONDS: Final = 0.2
BEAT_SECONDS: Final = 0.001
SIZE: Final = IngestSettings.model_fields["ingest_body_bytes"].default
ITEMS: Final = IngestSettings.model_fields["ingest_items"].default


@pytest.fixture(autouse=True)
def no_garbage_is_collected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.collect()


class Reader(threading.Thread):
    """Reads a body, and is there until it is told to end, so that its clock can be asked."""

    def __init__(self, read: Callable[[], object]) -> None:
        super().__init__()
        self._read = read
        self.begun, self.done, self.may_end = threading.Event(), threading.Event(), threading.Event()
        self.clock, self.started = 0, 0.0

    def run(self) -> None:
        self.clock = time.pthread_getcpuclockid(threading.get_ident())
        self.started = time.thread_time()
        self.begun.set()
        try:
            self._read()
        except Problem:
            pass  # Refusing must hold nobody up, either.
        finally:
            self.done.set()
            self.may_end.wait()


def held(read: Callable[[], object]) -> float:
    """The longest that this thread could not go on while another read, in seconds of that one's processor time."""
    reader = Reader(read)
    reader.start()
    reader.begun.wait()
    longest, last, is_done = 0.0, reader.started, False
    while not is_done:
        is_done = reader.done.wait(BEAT_SECONDS)
        now = time.clock_gettime(reader.clock)
        longest, last = max(longest, now - last), now
    reader.may_end.set()
    reader.join()
    return longest


def filled(size: int, one: bytes, begins: bytes = b"[", ends: bytes = b"]") -> bytes:
    """As many of one thing as a body of that size holds."""
    count = (size - len(begins) - len(ends) + 1) // (len(one) + 1)
    return begins + b",".join([one] * count) + ends


def of_holders(size: int, one: bytes, holders: int) -> bytes:
    """As many objects and arrays as there may be, and the rest of the size of texts."""
    begun = filled(MOST_HOLDERS // holders * (len(one) + 1) - 1, one, ends=b',"')
    return begun + b"a" * (size - len(begun) - 2) + b'"]'


BODIES: Final[dict[str, Callable[[int], bytes]]] = {
    "integers": lambda size: filled(size, b"1"),
    "fractions": lambda size: filled(size, b"1.5"),
    "texts": lambda size: filled(size, b'"a"'),
    "names": lambda size: filled(size, b'"":""', b"{", b"}"),
    "words": lambda size: filled(size, b"null"),
    "escapes": lambda size: b'["' + b"\\u00e9" * ((size - 4) // 6) + b'"]',
    "one long number": lambda size: b"[" + b"9" * (size - 2) + b"]",
    "one long fraction": lambda size: b"[0." + b"9" * (size - 4) + b"]",
    "as many arrays as there may be": lambda size: of_holders(size, b"[]", 1),
    "as many objects as there may be": lambda size: of_holders(size, b'{"a":{}}', 2),
    "as many of both, nested": lambda size: of_holders(size, b'[{"a":[]}]', 3),
    "arrays": lambda size: filled(size, b"[]"),
    "objects": lambda size: filled(size, b"{}"),
    "nested arrays": lambda size: filled(size, b"[[[[]]]]"),
    "blanks": lambda size: b" " * (size - 2) + b"[]",
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_the_largest_body_holds_no_other_thread(name: str) -> None:
    body = BODIES[name](SIZE)
    assert SIZE - 20 <= len(body) <= SIZE
    for kind in (JSON, NDJSON):
        assert held(lambda kind=kind: read_batch(kind, body, ITEMS)) < LIMIT_SECONDS  # type: ignore[misc]


@pytest.mark.parametrize("name", BODIES)
def test_the_largest_webhook_and_manifest_hold_no_other_thread(name: str) -> None:
    assert held(lambda: read_text_body(Webhook(), BODIES[name](sent.MOST_BYTES))) < LIMIT_SECONDS
    assert held(lambda: parse_json(BODIES[name](manifests.MOST_BYTES))) < LIMIT_SECONDS


def test_the_largest_manifest_that_is_one_holds_no_other_thread() -> None:
    numbers = [f"EJ{place:09}VN" for place in range(20_000)]
    said = {"manifest": "M-1", "since": "2026-11-24T08:00:00Z", "until": "2026-11-25T08:00:00Z"}
    body = json.dumps(said | {"numbers": numbers}).encode()
    assert held(lambda: manifests._declared(body)) < LIMIT_SECONDS


def test_many_objects_and_arrays_are_refused_before_they_are_read() -> None:
    assert len(parse_json(filled(3 * MOST_HOLDERS - 2, b"[]"))) == MOST_HOLDERS - 1
    with pytest.raises(Problem, match="objects and arrays") as refused:
        parse_json(filled(4 * MOST_HOLDERS, b"[]"))
    assert refused.value.status == 413
    assert parse_json(filled(4 * MOST_HOLDERS, b"[]"), most=None)


@pytest.mark.parametrize("name", BODIES)
def test_what_is_set_aside_is_written_out_without_holding_other_threads(name: str) -> None:
    body = BODIES[name](SIZE)
    try:
        payload = parse_json(body)
    except Problem:
        return
    assert held(lambda: text_of(payload, MOST_KEPT)) < LIMIT_SECONDS / 2


@pytest.mark.parametrize("values", [1, 3_000], ids=["few", "many"])
def test_a_payload_is_written_out_as_it_is_up_to_a_size(values: int) -> None:
    payload = {"a": [{"b": "Hà Nội", "c": None}, 1.5] * values}
    text = json.dumps(payload).encode()
    assert text_of(payload, len(text)) == text
    assert text_of(payload, len(text) - 1) is None


def container(fields: int, value: Any) -> bytes:
    kind = {
        "type": "record",
        "name": "R",
        "fields": [{"name": f"f{n}", "type": "string"} for n in range(fields)],
    }
    out = io.BytesIO()
    fastavro.writer(out, kind, [{f"f{n}": value for n in range(fields)}] * ITEMS)
    return out.getvalue()


ENDLESS_HEADER: Final = b"Obj\x01\x80\x92\xf4\x01" + b"\x00" * (SIZE - 8)
"""Two million names and values without a byte."""


@pytest.mark.parametrize(
    "body",
    [container(100, "a"), container(1, "a" * 980), ENDLESS_HEADER],
    ids=["fields", "texts", "header"],
)
def test_the_largest_container_holds_no_other_thread(body: bytes) -> None:
    assert len(body) <= SIZE
    assert held(lambda: read_batch(AVRO, body, ITEMS)) < LIMIT_SECONDS


def test_a_header_that_does_not_end_is_refused() -> None:
    with pytest.raises(Problem, match="header"):
        read_batch(AVRO, ENDLESS_HEADER, ITEMS)

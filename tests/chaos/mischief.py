"""Makes hostile bodies for every HTTP door; the same seed makes the same."""

import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from tests.golden import WEBHOOK_PAIRS, Pair

CANARY: Final = "Lan Canary 0912345678"
KINDS: Final = (
    "application/json", "application/x-www-form-urlencoded", "application/avro", "text/plain",
    "application/x-ndjson", "",
)  # fmt: skip
ODD_TEXTS: Final = (
    "", " ", "\x00", "\ud800", "NaN", "null", CANARY, "𝟻", "٣", "x" * 100_000, "' or 1=1 --", "../../etc/passwd",
    "29/02/2023 10:00:00", "31/04/2022 06:21:31", "04/05/2022 06:21:31", "2026-11-24T09:30:00+14:00",
    "2026-11-24T24:00:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2026-11-24T09:30:60",
)  # fmt: skip
ODD_VALUES: Final[tuple[Any, ...]] = (
    *ODD_TEXTS,
    None,
    True,
    -1,
    10**400,
    -(2**63) - 1,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
)


@dataclass(frozen=True)
class Sent:
    """A request, and the number of the good item in it that must come in if the body is read at all."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    neighbour: str | None = None


class Mischief:
    """Makes bodies; the same seed makes the same."""

    def __init__(self, seed: int, tokens: dict[str, str], key: str, epcis_key: str) -> None:
        self._chance = random.Random(seed)
        self._tokens = tokens
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._epcis = {"Authorization": f"Bearer {epcis_key}", "Content-Type": "application/json"}
        self._count = 0

    def bodies(self, count: int) -> Iterator[Sent]:
        """So many requests, of every kind."""
        kinds: Sequence[Callable[[], Sent]] = (
            self._webhook, self._webhook, self._batch, self._batch, self._lines, self._packed, self._capture,
            self._manifest,
        )  # fmt: skip
        for place in range(count):
            yield kinds[place % len(kinds)]()

    def _webhook(self) -> Sent:
        recipe, pair = self._chance.choice(WEBHOOK_PAIRS)
        path = f"/v1/webhooks/{self._tokens[recipe.format]}/{recipe.format}"
        return Sent(path, self._spoilt(self._of(pair)), {**pair.headers, "Content-Type": self._kind()})

    def _of(self, pair: Pair) -> Any:
        return json.loads(json.dumps(dict(pair.payload))) if pair.payload else pair.body

    def _batch(self) -> Sent:
        neighbour = self._number()
        good = {"number": neighbour, "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}
        odd = [self._odd() for _ in range(self._chance.randint(0, 4))]
        items = [*odd, good, *odd]
        body = json.dumps(items).encode("utf-8", "surrogatepass")
        if self._chance.random() < 0.5:
            return Sent("/v1/scans", body, self._headers, neighbour)
        return Sent("/v1/scans", self._bytes(body), {**self._headers, "Content-Type": self._kind()})

    def _lines(self) -> Sent:
        neighbour = self._number()
        good = json.dumps(
            {"number": neighbour, "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}
        )
        odd = [self._spoilt(self._odd()).replace(b"\n", b" ") for _ in range(3)]
        body = b"\n".join([*odd, good.encode(), *odd])
        headers = {**self._headers, "Content-Type": "application/x-ndjson"}
        return Sent("/v1/scans", body, headers, neighbour if len(body) < 4_000_000 else None)

    def _packed(self) -> Sent:
        body = self._chance.choice(
            (b"\x00" * 60_000_000, b"[" * 1_000_000, b"[1," * 500_000, b'{"a":' * 5_000, b"", b"[]")
        )
        packed = gzip.compress(body, 9)
        if self._chance.random() < 0.3:
            packed = packed[: len(packed) // 2]
        kind = self._chance.choice(("gzip", "zstd", "br", "gzip, gzip", ""))
        return Sent("/v1/scans", packed, {**self._headers, "Content-Encoding": kind})

    def _capture(self) -> Sent:
        event: Any = {
            "type": "ObjectEvent", "eventTime": "2026-11-24T02:30:00Z", "eventTimeZoneOffset": "+07:00",
            "action": "OBSERVE", "bizStep": "departing", "epcList": [f"urn:buuta:parcel:{self._number()}"],
        }  # fmt: skip
        self._replace(event)
        document: Any = {
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
            "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-11-24T03:00:00Z",
            "epcisBody": {"eventList": [event, self._odd()]},
        }  # fmt: skip
        if self._chance.random() < 0.3:
            self._replace(document)
        behaviour = {"GS1-Capture-Error-Behaviour": self._chance.choice(("rollback", "proceed", "explode"))}
        return Sent("/epcis/capture", self._spoilt(document), {**self._epcis, **behaviour})

    def _manifest(self) -> Sent:
        said: Any = {
            "manifest": "M",
            "since": "2026-11-24T00:00:00Z",
            "until": "2026-11-25T00:00:00Z",
            "pieces": 5,
        }
        self._replace(said)
        return Sent("/v1/manifests", self._spoilt(said), self._headers)

    def _number(self) -> str:
        self._count += 1
        return f"GOOD{self._count:06}"

    def _kind(self) -> str:
        return self._chance.choice(
            (
                "application/json",
                "application/x-www-form-urlencoded",
                "application/avro",
                "text/plain",
                "application/x-ndjson",
                "",
            )
        )

    def _odd(self) -> Any:
        item = {"number": CANARY, "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}
        self._replace(item)
        return self._chance.choice((item, self._value()))

    def _value(self) -> Any:
        return deepcopy(self._chance.choice(ODD_VALUES))

    def _replace(self, payload: Any) -> None:
        """Something is another, missing or added, at whatever depth."""
        holder = payload
        while isinstance(holder, dict) and holder:
            name = self._chance.choice([*holder, "added"])
            if not isinstance(holder.get(name), dict) or self._chance.random() < 0.5:
                break
            holder = holder[name]
        if isinstance(holder, dict):
            name = self._chance.choice([*holder, "added", CANARY])
            holder[name] = self._value()

    def _spoilt(self, payload: Any) -> bytes:
        if isinstance(payload, str):
            return self._bytes(payload.encode("utf-8", "surrogatepass"))
        if isinstance(payload, dict):
            self._replace(payload)
        return self._bytes(json.dumps(payload).encode("utf-8", "surrogatepass"))

    def _bytes(self, body: bytes) -> bytes:
        """Bytes that are cut, doubled, of another encoding, or just what they were."""
        match self._chance.randint(0, 9):
            case 0:
                return body[: self._chance.randint(0, len(body))]
            case 1:
                return b"\xef\xbb\xbf" + body
            case 2:
                return body.decode("utf-8", "replace").encode("utf-16")
            case 3:
                return body + body
            case 4:
                return body.replace(b'":', b'":1,"', 1)
            case 5:
                return b"[" * 10_000 + body
            case 6:
                return body.replace(b"e", b"\xff", 2)
        return body

"""Every route of every description, walked: who calls is asked first, and no value of a parameter is a 500."""

import re
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from buuta.settings import SharedSettings
from services.ingest.app import wire as wire_ingest
from services.ingest.registry import operators
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.doors import add_carrier, inside, served

PUBLIC = (
    "/v1/webhooks/",
    "/v1/rates",
    "/v1/carriers",
    "/v1/numbers/",
    "/v1/parcels/{carrier}/{number}",
    "/health/",
)
"""What needs no key in a header."""
PAGES = {
    "/": ("lang",), "/t": ("number", "lang"), "/rates": ("from", "to", "lang"), "/t/{number}": ("lang",),
    "/t/{carrier}/{number}": ("lang",), "/t/{carrier}/{number}/events": (),
}  # fmt: skip
"""The portal's pages, which no description lists, with their queries."""
NASTY = (
    "%00", "x%00y", "%FF%FE", "%ED%A0%80", "a%2Fb", "a/b", "..%2F..%2Fetc", "%2e%2e", "//evil.example", "%5C",
    "%0D%0Aset-cookie:x",
    "0001-01-01", "9999-12-31", "0000-00-00", "2026-02-30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59%2B14:00",
    "0001-01-01T00:00:00%2B14:00", "-1", "0", "9223372036854775807", "9223372036854775808", "1e400", "NaN", "١٢٣",
    "%F0%9F%93%A6", "a" * 3000, "%25", "%E2%80%AE", "'%20or%201=1--", "{}", "ß", "ı" * 5, "s10", "true", "", " ",
)  # fmt: skip


class Walked:
    """An app to walk, with what opens it."""

    def __init__(self, client: httpx.AsyncClient, described: dict[str, Any], keys: dict[str, str]) -> None:
        self.client = client
        self.described = described
        self.keys = keys

    token = "bw_nobody"

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in self.described["paths"].items():
            for method, said in methods.items():
                yield method.upper(), path, said

    def parameters(self) -> Iterator[tuple[str, str, Sequence[str]]]:
        for method, path, said in self.operations():
            yield (
                method,
                path,
                [each["name"] for each in said.get("parameters", ()) if each["in"] == "query"],
            )
        if "/v1/rates" in self.described["paths"]:
            yield from (("GET", path, queries) for path, queries in PAGES.items())

    def key(self, path: str) -> dict[str, str]:
        name = "operator" if "/operations/" in path else "epcis" if path.startswith("/epcis") else "plain"
        return {"Authorization": f"Bearer {self.keys[name]}"}


@pytest.fixture
async def ingest(settings: SharedSettings, pool: Any) -> AsyncIterator[Walked]:
    key, token = await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    keys = {
        "plain": key,
        "epcis": (await add_carrier(pool, Carrier("gs1", "GS1", "epcis")))[0],
        "operator": await operators.add(pool, "desk"),
    }
    async with served(wire_ingest, IngestSettings(**settings.model_dump())) as client:
        walked = Walked(client, (await inside(client).get("/openapi.json")).json(), keys)
        walked.token = token
        yield walked


@pytest.fixture
async def portal(settings: SharedSettings, pool: Any) -> AsyncIterator[Walked]:
    await add_carrier(pool, Carrier("ghn", "GHN", "buuta"))
    keys = {"plain": await add_shipper(pool, "shop", "Shop")}
    async with served(wire_portal, PortalSettings(**settings.model_dump())) as client:
        yield Walked(client, (await inside(client).get("/openapi.json")).json(), keys)


@pytest.fixture(params=["ingest", "portal"])
def walked(request: pytest.FixtureRequest) -> Walked:
    made: Walked = request.getfixturevalue(request.param)
    return made


def filled(path: str, value: str, others: str = "x") -> Iterator[str]:
    """The path with this value in each of its parameters, one at a time."""
    names = [name for name in re.findall(r"{(\w+)}", path) if name != "token"]
    for nasty in names or [None]:
        one = path
        for name in names:
            usual = str(uuid.UUID(int=1)) if name.endswith("_id") else others
            one = one.replace(f"{{{name}}}", value if name == nasty else usual)
        yield one


async def test_who_calls_is_asked_before_anything_is_read(walked: Walked) -> None:
    asked = 0
    for method, path, _ in walked.operations():
        if path.startswith(PUBLIC):
            continue
        for headers in ({}, {"Authorization": "Bearer bk_nobody"}, {"Authorization": "Basic eDp5"}):
            url = next(filled(path, "%00")) + "?after=x&from=x&to=x&carrier=%00&code=%00&perPage=x"
            answer = await walked.client.request(
                method, url, content=b"[no json", headers={"Content-Type": "application/json"} | headers
            )
            assert answer.status_code == 401, f"{method} {path}: {answer.text}"
            assert answer.headers["www-authenticate"] == "Bearer"
            asked += 1
    assert asked >= 9


@pytest.mark.timeout(300)
async def test_no_value_of_any_parameter_is_an_error_of_ours(walked: Walked) -> None:
    seen = 0
    for method, path, queries in walked.parameters():
        for value in NASTY:
            for url in dict.fromkeys(_urls(path, queries, value)):
                answer = await _asked(walked, method, path, url.replace("{token}", walked.token))
                assert answer.status_code < 500, f"{method} {url}: {answer.text[:300]}"
                assert answer.headers.get("location", "/t/").startswith("/t/")
                seen += 1
    assert seen > 250


def _urls(path: str, queries: Sequence[str], value: str) -> Iterator[str]:
    for others in ("x", "ghn", "Z82BS"):
        yield from filled(path, value, others)
    for name in queries:
        yield f"{next(filled(path, 'Z82BS'))}?{name}={value}"


async def _asked(walked: Walked, method: str, path: str, url: str) -> httpx.Response:
    safe = quote(url, safe="/?&=%:-._~{}'!+,;@()")
    headers = {"Content-Type": "application/json"} | walked.key(path)
    return await walked.client.request(method, safe, headers=headers, content=b"{}")


@pytest.mark.parametrize(
    "field", ["content-type", "idempotency-key", "accept-language", "content-encoding"]
)
async def test_no_header_is_an_error_of_ours(walked: Walked, field: str) -> None:
    for method, path, _ in walked.operations():
        for value in (
            b"\xff\xfe",
            b"a" * 5_000,
            b"",
            b"multipart/form-data",
            b"application/x-www-form-urlencoded",
        ):
            headers = [(name.encode(), each.encode()) for name, each in walked.key(path).items()]
            headers.append((field.encode(), value))
            url = next(filled(path, "Z82BS"))
            answer = await walked.client.request(method, url, headers=headers, content=b"[]")
            assert answer.status_code < 500, f"{method} {path} {field}: {answer.text[:300]}"


async def test_a_slash_at_the_end_leads_nowhere_else(walked: Walked) -> None:
    for method, path, _ in walked.operations():
        url = next(filled(path, "Z82BS")) + "/"
        answer = await walked.client.request(
            method, url, headers={"Host": "evil.example"} | walked.key(path)
        )
        assert "location" not in answer.headers, url


async def test_every_answer_has_the_headers_that_keep_others_out(walked: Walked) -> None:
    for path in ("/", "/nowhere", "/v1/parcels", "/rates", "/t/ghn/NONE1", "/v1/scans", "/v1/quarantine"):
        answer = await walked.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "no-store" in answer.headers["cache-control"]


async def test_metrics_health_and_descriptions_are_not_public(walked: Walked) -> None:
    for path in ("/metrics", "/health/live", "/health/ready", "/docs", "/redoc", "/openapi.json"):
        assert (await walked.client.get(path)).status_code == 404, path
    for path in ("/metrics", "/health/live", "/docs", "/docs/api.css", "/openapi.json"):
        assert (await inside(walked.client).get(path)).status_code == 200, path
    page = (await inside(walked.client).get("/docs")).text
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["/docs/api.css", "/openapi.json"]
    assert all(path in page for path in walked.described["paths"])

"""The requests that a description shows: each of them is sent, as it stands, and does what it says."""

import json
import shlex
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.storage.access import PREFIXES as OF_ACCESS
from buuta.telemetry.service import http
from buuta.web.bearer import SAMPLES
from buuta.web.requests import request_lines, sample_of
from services.ingest.app import wire as wire_ingest
from services.ingest.domain.keys import Kind
from services.ingest.registry import operators
from services.ingest.registry.locksmith import PREFIXES as OF_CARRIERS
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.doors import add_carrier, inside, served

SENT: Final = {"post", "put", "patch"}
DONE: Final = {200, 201, 202}


class Api:
    """A service over HTTP, its description, and keys by what a description calls them."""

    def __init__(self, client: httpx.AsyncClient, said: dict[str, Any], keys: dict[str, str]) -> None:
        self.client = client
        self.said = said
        self.keys = keys

    async def send(self, method: str, path: str, places: dict[str, str]) -> httpx.Response:
        """Send an operation's sample, with real keys and ids in the place of the shown ones."""
        sample = sample_of(self.said, method, path)
        headers = {name: value for name, value in sample.headers.items() if name != "Authorization"}
        shown = sample.headers.get("Authorization", "").removeprefix("Bearer ")
        for name, start in SAMPLES.items():
            if shown == start:
                key = self.keys["epcis_key" if path.startswith("/epcis") else name]
                headers["Authorization"] = f"Bearer {key}"
        url = sample.path
        for name, value in places.items():
            url = url.replace(f"{{{name}}}", value)
        content = None if sample.body is None else sample.body.encode()
        return await self.client.request(sample.method, url, headers=headers, content=content)


@pytest.fixture
async def ingest(settings: SharedSettings, pool: Any) -> AsyncIterator[Api]:
    key, token = await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    keys = {
        "carrier_key": key,
        "epcis_key": (await add_carrier(pool, Carrier("gs1", "GS1", "epcis")))[0],
        "operator_key": await operators.add(pool, "desk"),
        "token": token,
    }
    for code in ("ems", "emsevt", "ghn", "ghtk", "viettelpost"):
        keys[code] = (await add_carrier(pool, Carrier(code, code, code)))[1]
    await add_shipper(pool, "shop", "Shop")
    async with served(wire_ingest, IngestSettings(**settings.model_dump())) as client:
        yield Api(client, (await inside(client).get("/openapi.json")).json(), keys)


@pytest.fixture
async def portal(settings: SharedSettings, pool: Any) -> AsyncIterator[Api]:
    await add_carrier(pool, Carrier("ghn", "GHN", "buuta"))
    keys = {"shipper_key": await add_shipper(pool, "shop", "Shop")}
    async with served(wire_portal, PortalSettings(**settings.model_dump())) as client:
        yield Api(client, (await inside(client).get("/openapi.json")).json(), keys)


@pytest.fixture(params=["ingest", "portal"])
def api(request: pytest.FixtureRequest) -> Api:
    made: Api = request.getfixturevalue(request.param)
    return made


async def test_every_request_of_ingest_with_a_body_is_taken_as_it_is_shown(ingest: Api) -> None:
    sent = 0
    for path, methods in ingest.said["paths"].items():
        for method in SENT & methods.keys():
            format_name = path.rpartition("/")[2]
            answer = await ingest.send(method, path, {"token": ingest.keys.get(format_name, "")})
            assert answer.status_code in DONE, f"{method} {path}: {answer.status_code} {answer.text}"
            assert "rejected" not in answer.text, f"{method} {path}: {answer.text}"
            sent += 1
    assert sent >= 11


async def test_every_request_of_the_portal_with_a_body_is_taken_as_it_is_shown(portal: Api) -> None:
    registered = await portal.send("post", "/v1/parcels", {})
    assert registered.status_code == 201, registered.text
    places = {"registration_id": registered.json()["registration_id"]}
    changed = await portal.send("patch", "/v1/parcels/{registration_id}", places)
    assert (changed.status_code, changed.json()["version"]) == (200, 2), changed.text


async def test_every_body_has_an_example_and_every_operation_a_command_that_a_shell_reads(api: Api) -> None:
    for path, methods in api.said["paths"].items():
        for method, operation in methods.items():
            words = shlex.split(request_lines(api.said, method, path).replace("\\\n", " "))
            assert words[:3] == ["curl", "-X", method.upper()]
            assert ("-d" in words) == ("requestBody" in operation), f"{method} {path}"
            is_keyed = any(word.startswith("Authorization: Bearer b") for word in words)
            assert is_keyed == bool(operation.get("security")), f"{method} {path}"


def test_keys_begin_as_the_descriptions_say() -> None:
    begins = {
        "carrier_key": OF_CARRIERS[Kind.API],
        "shipper_key": OF_ACCESS["shipper"],
        "operator_key": OF_ACCESS["operator"],
    }
    assert {name: f"{start}_…" for name, start in begins.items()} == SAMPLES


async def test_whose_key_an_operation_wants_is_said(ingest: Api) -> None:
    assert ingest.said["components"]["securitySchemes"].keys() == {"carrier_key", "operator_key"}
    office = ingest.said["paths"]["/v1/operations/quarantine"]["get"]
    assert office["security"] == [{"operator_key": []}]


async def test_a_description_names_the_server_wherever_it_is_read(
    settings: SharedSettings, pool: Any
) -> None:
    own = PortalSettings(**settings.model_dump() | {"public_docs": True, "operations_port": 0})
    async with wire_portal(own) as (app, _), http(app, own) as port, httpx.AsyncClient() as client:
        public = (await client.get(f"http://127.0.0.1:{port}/openapi.json")).json()
        inside_port = app.state.operations.state.listens[1]
        private = (await client.get(f"http://127.0.0.1:{inside_port}/openapi.json")).json()
        assert public["servers"] == [{"url": "/"}]
        assert private["servers"] == [{"url": f"http://127.0.0.1:{port}"}]
        assert (await client.get(private["servers"][0]["url"] + "/v1/carriers")).status_code == 200
        page = (await client.get(f"http://127.0.0.1:{inside_port}/docs")).text
        assert f"curl -X POST &#39;http://127.0.0.1:{port}/v1/parcels&#39;" in page


async def test_a_request_hears_all_its_faults_at_once(portal: Api) -> None:
    wrong = {"carrier": "GHN!", "number": "?", "recipient": {"phone": "0912345678"}, "extra": 1}
    headers = {"Authorization": f"Bearer {portal.keys['shipper_key']}"}
    answer = await portal.client.post("/v1/parcels", json=wrong, headers=headers)
    problem = answer.json()
    assert answer.status_code == 422
    assert [each["place"] for each in problem["faults"]] == [
        "body.carrier", "body.number", "body.recipient.phone", "body.extra",
    ]  # fmt: skip
    assert all(each["detail"] in problem["detail"] for each in problem["faults"])
    assert "0912345678" not in answer.text
    both = (await portal.client.get("/v1/rates?from=x&to=y")).json()
    assert [each["place"] for each in both["faults"]] == ["query.from", "query.to"]


async def test_very_many_faults_are_named_up_to_a_bound(portal: Api) -> None:
    wrong = {f"field_{number}": 1 for number in range(200)}
    headers = {"Authorization": f"Bearer {portal.keys['shipper_key']}"}
    answer = await portal.client.post("/v1/parcels", json=wrong, headers=headers)
    assert len(json.dumps(answer.json())) < 10_000
    assert "more" in answer.json()["detail"]
